import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readRequestInfo } from '../../../../src/demo/hub/api/request-info.ts';

/** method, target, verb, group, version, namespace, resource, subresource, name, parts: the rows of upstream's requestinfo_test.go. */
type Row = readonly [string, string, string, string, string, string, string, string, string, string];

const rows: readonly Row[] = [
  ['GET', '/api/v1/namespaces', 'list', '', 'v1', '', 'namespaces', '', '', 'namespaces'],
  ['GET', '/api/v1/namespaces/other', 'get', '', 'v1', 'other', 'namespaces', '', 'other', 'namespaces other'],
  ['GET', '/api/v1/namespaces/other/pods', 'list', '', 'v1', 'other', 'pods', '', '', 'pods'],
  ['GET', '/api/v1/namespaces/other/pods/foo', 'get', '', 'v1', 'other', 'pods', '', 'foo', 'pods foo'],
  ['HEAD', '/api/v1/namespaces/other/pods/foo', 'get', '', 'v1', 'other', 'pods', '', 'foo', 'pods foo'],
  ['GET', '/api/v1/pods', 'list', '', 'v1', '', 'pods', '', '', 'pods'],
  ['HEAD', '/api/v1/pods', 'list', '', 'v1', '', 'pods', '', '', 'pods'],
  ['GET', '/api/v1/proxy/namespaces/other/pods/foo', 'proxy', '', 'v1', 'other', 'pods', '', 'foo', 'pods foo'],
  ['GET', '/api/v1/proxy/namespaces/other/pods/foo/sub/not', 'proxy', '', 'v1', 'other', 'pods', '', 'foo', 'pods foo sub not'],
  ['GET', '/api/v1/watch/pods', 'watch', '', 'v1', '', 'pods', '', '', 'pods'],
  ['GET', '/api/v1/pods?watch=true', 'watch', '', 'v1', '', 'pods', '', '', 'pods'],
  ['GET', '/api/v1/pods?watch=false', 'list', '', 'v1', '', 'pods', '', '', 'pods'],
  ['GET', '/api/v1/pods?watch', 'watch', '', 'v1', '', 'pods', '', '', 'pods'],
  ['GET', '/api/v1/pods?watch=FALSE', 'list', '', 'v1', '', 'pods', '', '', 'pods'],
  ['GET', '/api/v1/watch/namespaces/other/pods', 'watch', '', 'v1', 'other', 'pods', '', '', 'pods'],
  ['GET', '/api/v1/namespaces/other/pods?watch=1', 'watch', '', 'v1', 'other', 'pods', '', '', 'pods'],
  ['GET', '/api/v1/namespaces/other/pods?watch=0', 'list', '', 'v1', 'other', 'pods', '', '', 'pods'],
  ['GET', '/api/v1/namespaces/other/pods/foo/status', 'get', '', 'v1', 'other', 'pods', 'status', 'foo', 'pods foo status'],
  ['GET', '/api/v1/namespaces/other/pods/foo/proxy/sub', 'get', '', 'v1', 'other', 'pods', 'proxy', 'foo', 'pods foo proxy sub'],
  ['PUT', '/api/v1/namespaces/other/finalize', 'update', '', 'v1', 'other', 'namespaces', 'finalize', 'other', 'namespaces other finalize'],
  ['PUT', '/api/v1/namespaces/other/status', 'update', '', 'v1', 'other', 'namespaces', 'status', 'other', 'namespaces other status'],
  ['PATCH', '/api/v1/namespaces/other/pods/foo', 'patch', '', 'v1', 'other', 'pods', '', 'foo', 'pods foo'],
  ['DELETE', '/api/v1/namespaces/other/pods/foo', 'delete', '', 'v1', 'other', 'pods', '', 'foo', 'pods foo'],
  ['POST', '/api/v1/namespaces/other/pods', 'create', '', 'v1', 'other', 'pods', '', '', 'pods'],
  ['DELETE', '/api/v1/nodes?all=true', 'deletecollection', '', 'v1', '', 'nodes', '', '', 'nodes'],
  ['DELETE', '/api/v1/namespaces/other/pods', 'deletecollection', '', 'v1', 'other', 'pods', '', '', 'pods'],
  ['POST', '/apis/extensions/v1/namespaces/other/pods', 'create', 'extensions', 'v1', 'other', 'pods', '', '', 'pods'],
  ['OPTIONS', '/apis/g/v1/things/x', '', 'g', 'v1', '', 'things', '', 'x', 'things x'],
  // Not upstream's: how paths that nothing repairs are read. The first was recorded.
  ['GET', '/apis//g.example/v1/things/x', 'get', '', 'g.example', '', 'v1', 'x', 'things', 'v1 things x'],
  ['GET', '//api/v1/pods//', 'list', '', 'v1', '', 'pods', '', '', 'pods'],
];

for (const [method, target, ...expected] of rows) {
  test(`reads ${method} ${target} as kube-apiserver does`, () => {
    const [path = '', query = ''] = target.split('?');
    const info = readRequestInfo(method, path, new URLSearchParams(query));
    const found = [
      info.verb,
      info.apiGroup,
      info.apiVersion,
      info.namespace,
      info.resource,
      info.subresource,
      info.name,
      info.parts.join(' '),
    ];
    assert.deepEqual(found, expected);
    assert.equal(info.isResourceRequest, true);
  });
}

const otherPaths = [
  '/',
  '/api',
  '/api/v1',
  '/api/v1/',
  '/apis',
  '/apis/g',
  '/apis/g/v1',
  '/apis/g/v1/',
  '/version',
  '/API/v1/pods',
  '/healthz/x/y/z',
];

for (const path of otherPaths) {
  test(`reads ${path} as a path that names no resource`, () => {
    const info = readRequestInfo('GET', path, new URLSearchParams());
    assert.equal(info.isResourceRequest, false);
    assert.equal(info.verb, 'get');
    assert.equal(info.path, path);
  });
}

const fieldSelectors: readonly (readonly [string, string, string])[] = [
  ['metadata.name=name1', 'GET', 'name1'],
  ['metadata.name==name1', 'GET', 'name1'],
  ['spec.nodeName=n1,metadata.name=name1', 'GET', 'name1'],
  ['metadata.name!=name1', 'GET', ''],
  ['metadata.name=', 'GET', ''],
  ['metadata.name=..', 'GET', ''],
  ['metadata.name=a/b', 'GET', ''],
  ['metadata.name=a%b', 'GET', ''],
  ['metadata.name=name1', 'DELETE', ''],
  ['metadata.namespace=name1', 'GET', ''],
];

for (const [fieldSelector, method, name] of fieldSelectors) {
  test(`takes the name ${JSON.stringify(name)} from the field selector ${fieldSelector} of a ${method}`, () => {
    const query = new URLSearchParams({ fieldSelector });
    assert.equal(readRequestInfo(method, '/apis/group/version/resource', query).name, name);
    query.set('watch', 'true');
    assert.equal(readRequestInfo(method, '/apis/group/version/resource', query).name, name);
  });
}
