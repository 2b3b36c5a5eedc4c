// The names that the types of playwright-core take from the DOM library. Types only; tests hand the browser text, not functions.

interface Node {}
interface HTMLElement {}
interface SVGElement {}
interface HTMLElementTagNameMap {}
