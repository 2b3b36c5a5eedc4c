// Which kind of request has which price for the hub: the rates of settings.limits.rates are kept by it. Pure.

/** As inspect reads it (request-info.ts). */
export interface ReadRequest {
  readonly isResource: boolean;
  readonly verb: string;
  readonly apiGroup: string;
  readonly resource: string;
  readonly subresource: string;
}

/** `read`: single objects and what is no resource; kept by the rate of all requests alone. */
export type RequestClass = 'read' | 'list' | 'watchStarts' | 'mutating' | 'csrCreates';

export function classify(request: ReadRequest): RequestClass {
  switch (request.verb) {
    case 'get':
    case 'head':
      return 'read';
    case 'list':
      return request.isResource ? 'list' : 'mutating';
    case 'watch':
      return request.isResource ? 'watchStarts' : 'mutating';
    case 'create':
      return isCertificateRequest(request) ? 'csrCreates' : 'mutating';
    default:
      // Whatever else a method may be read as: it is not known to change nothing.
      return 'mutating';
  }
}

function isCertificateRequest({ isResource, apiGroup, resource, subresource }: ReadRequest): boolean {
  return isResource && apiGroup === 'certificates.k8s.io' && resource === 'certificatesigningrequests' && subresource === '';
}
