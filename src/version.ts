// The one place in the sources that names this version; a test holds it to package.json. Imports nothing.

export const version = '0.1.0';
