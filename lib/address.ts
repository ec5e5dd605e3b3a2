import { FanwireError } from './errors.js'

/** A URL taken apart. Which of the optional parts are there depends on the scheme's form alone. */
export interface Address {
  /** In lower case, without the colon: `tcp`. */
  readonly scheme: string
  /** The address in its one normal spelling, without its query. */
  readonly url: string
  /** IPv6 without brackets; `*` for all interfaces. */
  readonly host?: string
  /** 0 lets the system choose; only for listening. */
  readonly port?: number
  /** Of a socket, a directory, or the part of a URL from its first slash on. */
  readonly path?: string
  readonly name?: string
  /** What stood behind the `?`, decoded: options by name. */
  readonly query: ReadonlyMap<string, string>
}

type Parts = Omit<Address, 'scheme' | 'query'>

interface Form {
  /** A complete, valid address, shown when one is refused. */
  readonly example: string
  /** Takes apart what follows `scheme:`; `refuse` never returns. */
  read(rest: string, scheme: string, refuse: (why: string, instead?: string) => never): Parts
}

/** One line a scheme. Whatever is not here is read by {@link general}. */
const FORMS: ReadonlyMap<string, Form> = new Map([
  ['inproc', named('inproc://prices')],
  ['tcp', endpoint('tcp://127.0.0.1:5555')],
  ['tls', endpoint('tls://127.0.0.1:5555')],
  ['ipc', socketPath('ipc:///run/prices.sock')],
  ['sp+tcp', endpoint('sp+tcp://127.0.0.1:5555')],
  ['sp+tls', endpoint('sp+tls://127.0.0.1:5555')],
  ['sp+ipc', socketPath('sp+ipc:///run/prices.sock')],
  ['sp+ws', endpoint('sp+ws://127.0.0.1:5555/prices', { path: true, port: 80 })],
  ['sp+wss', endpoint('sp+wss://127.0.0.1:5555/prices', { path: true, port: 443 })],
  ['lines+tcp', endpoint('lines+tcp://127.0.0.1:5555')],
  ['ws', endpoint('ws://127.0.0.1:5555/prices', { path: true, port: 80 })],
  ['wss', endpoint('wss://127.0.0.1:5555/prices', { path: true, port: 443 })],
  ['udp', endpoint('udp://127.0.0.1:5555')],
  ['raw+udp', endpoint('raw+udp://127.0.0.1:5555')],
  ['multicast', endpoint('multicast://239.1.2.3:5555', { group: true })],
  ['raw+multicast', endpoint('raw+multicast://239.1.2.3:5555', { group: true })],
  ['statsd', endpoint('statsd://127.0.0.1:8125', { port: 8125 })],
  ['statsd+tcp', endpoint('statsd+tcp://127.0.0.1:8125', { port: 8125 })],
  ['statsd+unix', socketPath('statsd+unix:///run/statsd.sock')],
  ['webhook', directoryOr('webhook:./outbox', endpoint('webhook://127.0.0.1:8080/hooks', { path: true }))],
])

/** What a UNIX socket's address holds on Linux, without its final zero; longer ones would be cut or refused late. */
const SOCKET_PATH_BYTES = 107

const USER = 'has a user in it; user and password are options, not part of the address'

/**
 * Reads a URL such as `tcp://127.0.0.1:5555?stallMs=5s`.
 *
 * @throws {FanwireError} `BAD_ADDRESS`, naming what is wrong and showing the right form
 */
export function parseAddress(url: string): Address {
  if (typeof url !== 'string') throw bad(`an address must be text such as tcp://127.0.0.1:5555, got ${typeof url}`)
  const [address = '', ...queries] = url.split('?')
  const shown = shownForm(address)
  const match = /^([a-z][a-z0-9.+-]*):(.*)$/is.exec(address)
  if (!match) throw bad(`${shown === '' ? 'an empty address' : shown} has no scheme; write tcp://127.0.0.1:5555`)
  const scheme = (match[1] ?? '').toLowerCase()
  const form = FORMS.get(scheme) ?? general(scheme)
  if (!FORMS.has(scheme) && /^[a-z0-9.-]+:\d+$/i.test(address))
    throw bad(`${shown} has no scheme; write tcp://${shown}`)
  const refuse = (why: string, instead = form.example): never => {
    throw bad(`${shown} ${why}; write ${instead}`)
  }
  if (hasControls(address)) refuse('has a control character in it')
  const parts = form.read(match[2] ?? '', scheme, refuse)
  return Object.freeze({ scheme, ...parts, query: readQuery(queries.join('?'), shown) })
}

/**
 * Checks that `address` can be called: listening may leave host and port to the system, dialling may not.
 *
 * @throws {FanwireError} `BAD_ADDRESS`
 */
export function checkDialable({ scheme, url, host, port }: Address): void {
  if (host === '*') {
    throw bad(
      `${url} stands for all interfaces of this machine and cannot be dialled; write ${scheme}://127.0.0.1:${port}`,
    )
  }
  if (port === 0) throw bad(`${url} has port 0, which only a listener can use; write ${scheme}://${bracket(host)}:5555`)
}

/** `host:port`, with brackets around IPv6, as it stands in a URL. */
export function formatHostPort(host: string, port: number): string {
  return `${bracket(host)}:${port}`
}

function named(example: string): Form {
  return {
    example,
    read(rest, scheme, refuse) {
      const name = afterSlashes(rest, refuse)
      if (name === '') refuse('has no name')
      return { url: `${scheme}://${name}`, name }
    },
  }
}

function socketPath(example: string): Form {
  return {
    example,
    read(rest, scheme, refuse) {
      const path = afterSlashes(rest, refuse)
      if (path === '') refuse('has no path')
      if (path === '*') refuse('leaves the path to the system, which fanwire does not do')
      // Node.js pads such a name with zeros, so that no peer of libzmq would find it.
      if (path.startsWith('@')) {
        refuse(
          `is an abstract socket to ZeroMQ, which fanwire does not have`,
          `${example} or, for a file, ${scheme}://./${path}`,
        )
      }
      if (path.endsWith('/')) refuse('ends with a slash, but a socket is a file')
      const size = new TextEncoder().encode(path).length
      if (size > SOCKET_PATH_BYTES) {
        refuse(`has a path of ${size} bytes, and the system takes ${SOCKET_PATH_BYTES}`)
      }
      return { url: `${scheme}://${path}`, path }
    },
  }
}

/** A path relative to the working directory or absolute; without one there is no directory at all. */
function directoryOr(example: string, remote: Form): Form {
  return {
    example: `${example} or ${remote.example}`,
    read(rest, scheme, refuse) {
      if (rest.startsWith('//'))
        return remote.read(rest, scheme, (why, instead = remote.example) => refuse(why, instead))
      return rest === '' ? { url: `${scheme}:` } : { url: `${scheme}:${rest}`, path: rest }
    },
  }
}

interface EndpointRules {
  /** A path may follow. */
  readonly path?: boolean
  /** The port when none is written. */
  readonly port?: number
  /** The host is a multicast group. */
  readonly group?: boolean
}

function endpoint(example: string, rules: EndpointRules = {}): Form {
  return {
    example,
    read(rest, scheme, refuse) {
      const [, authority = '', path = ''] = /^([^/]*)(.*)$/.exec(afterSlashes(rest, refuse)) ?? []
      if (authority.includes('@')) refuse(USER)
      const [, written, digits] =
        /^(\[[^\]]*\]|[^:]*)(?::([^:]*))?$/.exec(authority) ??
        refuse('has more than one colon in its host; put an IPv6 address in brackets', `${scheme}://[::1]:5555`)
      if (path !== '' && path !== '/' && !rules.path) refuse(`has a path, which ${scheme} does not use`)
      if (path.includes(' ')) refuse('has a space in its path; write it as %20')
      if (path.includes('#')) refuse('has a fragment (#), which never reaches the other end')
      // Without a host only this machine is meant: nobody listens to the world by leaving something out.
      const host = written ? readHost(written, refuse) : '127.0.0.1'
      if (!written && digits === undefined) refuse('has no host')
      if (rules.group && !isGroup(host)) {
        refuse(`has ${written || 'no host'} where a multicast group belongs, 224.0.0.0 to 239.255.255.255 or ff00::/8`)
      }
      const port = digits === undefined ? rules.port : readPort(digits, refuse)
      if (port === undefined) return refuse('has no port', `${scheme}://${bracket(host)}:5555`)
      const url = `${scheme}://${formatHostPort(host, port)}`
      return rules.path ? { url: url + (path || '/'), host, port, path: path || '/' } : { url, host, port }
    },
  }
}

/**
 * For schemes that other transports bring along: everything after `://` is the name; host, port and path are there
 * as well where it looks like that. Such a transport refuses what it cannot use.
 */
function general(scheme: string): Form {
  const example = `${scheme}://127.0.0.1:5555`
  return {
    example,
    read(rest, _, refuse) {
      const name = rest.replace(/^\/\//, '')
      if (name === '') refuse('has nothing after its scheme')
      if (/^[^/]*@/.test(name)) refuse(USER)
      const url = `${scheme}:${rest}`
      const [, written, digits, path] = /^(\[[^\]]*\]|\*|[\w.-]*)(?::(\d+))?(\/.*)?$/.exec(name) ?? []
      if (!rest.startsWith('//') || !written) return { url, name }
      const host = readHost(written, refuse)
      return { url, name, host, ...(digits && { port: readPort(digits, refuse) }), ...(path && { path }) }
    },
  }
}

function afterSlashes(rest: string, refuse: (why: string) => never): string {
  return rest.startsWith('//') ? rest.slice(2) : refuse('has no // after its scheme')
}

function readHost(written: string, refuse: (why: string) => never): string {
  if (written === '*') return written
  if (written.startsWith('['))
    return readIpv6(written.slice(1, -1)) ?? refuse(`has ${written}, which is not an IPv6 address`)
  // What begins like an IPv4 address must be one: resolvers read 127.1 or 010.0.0.1 in surprising ways.
  if (/^[\d.]+$/.test(written))
    return isIpv4(written) ? written : refuse(`has ${written}, which is not an IPv4 address`)
  const label = '[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?'
  const isName = written.length <= 253 && new RegExp(`^${label}(\\.${label})*\\.?$`, 'i').test(written)
  return isName ? written.toLowerCase() : refuse(`has ${written}, which is not a host name`)
}

function isIpv4(text: string): boolean {
  const bytes = text.split('.')
  return bytes.length === 4 && bytes.every((byte) => /^(0|[1-9]\d{0,2})$/.test(byte) && Number(byte) <= 255)
}

/** The shortest spelling, which the platform's own URL parser knows; it has no word for zones, so they are put aside. */
function readIpv6(text: string): string | undefined {
  const [, address = '', zone = ''] = /^([0-9a-f:.]+)(%[a-z0-9._-]+)?$/i.exec(text) ?? []
  try {
    return new URL(`http://[${address}]`).hostname.slice(1, -1) + zone
  } catch {
    return undefined
  }
}

function isGroup(host: string): boolean {
  const first = Number(host.split('.')[0])
  return isIpv4(host) ? first >= 224 && first <= 239 : /^ff[0-9a-f]{2}:/.test(host)
}

function readPort(digits: string, refuse: (why: string) => never): number {
  const port = Number(digits)
  if (!/^\d{1,5}$/.test(digits) || port > 65_535)
    refuse(`has port ${digits || 'nothing'}; a port is a number from 0 to 65535`)
  return port
}

function readQuery(text: string, shown: string): ReadonlyMap<string, string> {
  const query = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(text)) {
    if (query.has(name)) throw bad(`${shown} gives ${name} twice; write it once`)
    query.set(name, value)
  }
  return query
}

function bracket(host: string | undefined): string {
  return host?.includes(':') ? `[${host}]` : (host ?? '')
}

/** A password in an address must not reach a log by way of an error, nor a control character a terminal. */
function shownForm(address: string): string {
  const text = address.replace(/^([^/]*:\/\/)[^/]+@/, '$1***@')
  return hasControls(text) ? JSON.stringify(text) : text
}

function hasControls(text: string): boolean {
  return /\p{Cc}/u.test(text)
}

function bad(message: string): FanwireError {
  return new FanwireError('BAD_ADDRESS', message)
}
