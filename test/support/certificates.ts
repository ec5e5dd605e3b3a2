import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Where the certificates for tests stand. */
export const folder = fileURLToPath(new URL('test/support/certificates/', import.meta.resolve('fanwire/package.json')))

export const read = (name: string) => readFileSync(`${folder}${name}`, 'utf8')

export const authority = read('authority.pem')
/** `localhost` and `127.0.0.1`. */
export const server = { key: read('server.key'), cert: read('server.pem') }
/** Signed by the same authority. */
export const client = { key: read('client.key'), cert: read('client.pem') }
/** Signed by another one. */
export const stranger = { key: read('stranger.key'), cert: read('stranger.pem') }
