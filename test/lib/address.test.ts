import fc from 'fast-check'
import t from 'tap'
import { type Address, checkDialable, formatHostPort, parseAddress } from '../../lib/address.js'

/** What a URL is taken apart into, its query aside; `url` is the URL itself where it is not listed. */
const good: Readonly<Record<string, Partial<Address>>> = {
  'inproc://prices': { scheme: 'inproc', name: 'prices' },
  'inproc://a/b:c': { name: 'a/b:c' },
  'tcp://127.0.0.1:5555': { scheme: 'tcp', host: '127.0.0.1', port: 5555 },
  'tcp://127.0.0.1:0': { port: 0 },
  'tcp://*:5555': { host: '*', port: 5555 },
  'tcp://:5555': { url: 'tcp://127.0.0.1:5555', host: '127.0.0.1', port: 5555 },
  'tcp://[::1]:5555': { host: '::1', port: 5555 },
  'tcp://[0:0:0:0:0:0:0:1]:5555': { url: 'tcp://[::1]:5555', host: '::1' },
  'tcp://[fe80::1%eth0]:5555': { host: 'fe80::1%eth0' },
  'tcp://[::FFFF:127.0.0.1]:1': { url: 'tcp://[::ffff:7f00:1]:1', host: '::ffff:7f00:1' },
  'tcp://0.0.0.0:5555': { host: '0.0.0.0' },
  'tcp://localhost:65535': { host: 'localhost', port: 65_535 },
  'tcp://localhost:05555': { url: 'tcp://localhost:5555', port: 5555 },
  'tcp://Feed_1.Example.COM:1': { url: 'tcp://feed_1.example.com:1', host: 'feed_1.example.com' },
  'tcp://example.com.:1': { host: 'example.com.' },
  'TCP://localhost:5555': { url: 'tcp://localhost:5555', scheme: 'tcp' },
  'tcp://localhost:5555/': { url: 'tcp://localhost:5555' },
  'tls://localhost:5555': { scheme: 'tls', port: 5555 },
  'ipc:///run/prices.sock': { scheme: 'ipc', path: '/run/prices.sock' },
  'ipc://prices.sock': { path: 'prices.sock' },
  'ipc://./a b.sock': { path: './a b.sock' },
  'ipc://./@prices': { path: './@prices' },
  'ipc://./*': { path: './*' },
  [`ipc:///${'a'.repeat(106)}`]: { path: `/${'a'.repeat(106)}` },
  'sp+tcp://localhost:1': { scheme: 'sp+tcp' },
  'sp+ipc:///run/a.sock': { path: '/run/a.sock' },
  'sp+ws://localhost:1/a': { path: '/a' },
  'lines+tcp://*:7000': { host: '*' },
  'ws://localhost:8080/prices': { host: 'localhost', port: 8080, path: '/prices' },
  'ws://localhost:8080': { url: 'ws://localhost:8080/', path: '/' },
  'ws://localhost/prices': { url: 'ws://localhost:80/prices', port: 80 },
  'wss://localhost/': { url: 'wss://localhost:443/', port: 443 },
  'udp://127.0.0.1:26400': { port: 26_400 },
  'raw+udp://*:514': { host: '*' },
  'multicast://239.1.2.3:5555': { host: '239.1.2.3', port: 5555 },
  'multicast://[ff02::1]:5555': { host: 'ff02::1' },
  'raw+multicast://224.0.0.1:1': { host: '224.0.0.1' },
  'statsd://localhost': { url: 'statsd://localhost:8125', port: 8125 },
  'statsd+tcp://localhost:9125': { port: 9125 },
  'statsd+unix:///run/statsd.sock': { path: '/run/statsd.sock' },
  'webhook:./outbox': { scheme: 'webhook', path: './outbox' },
  'webhook:/var/lib/outbox': { path: '/var/lib/outbox' },
  'webhook:': {},
  'webhook://localhost:8080/hooks/a': { host: 'localhost', port: 8080, path: '/hooks/a' },
  'carrier-pigeon://localhost:1/loft': { name: 'localhost:1/loft', host: 'localhost', port: 1, path: '/loft' },
  'pigeon://loft$1': { name: 'loft$1' },
  'pigeon:loft': { name: 'loft' },
  'pigeon://loft': { name: 'loft', host: 'loft' },
}

t.test('takes addresses apart', async (t) => {
  for (const [url, parts] of Object.entries(good)) {
    const address = parseAddress(url)
    t.match(address, { url, ...parts }, url)
    t.strictSame(parseAddress(address.url), address, `${url}: its normal spelling means the same`)
  }
})

/** A URL, what is said about it, and the form that is shown instead. */
const bad: readonly [url: string, why: RegExp, instead: string][] = [
  ['', /empty address has no scheme/, 'tcp://127.0.0.1:5555'],
  ['127.0.0.1:5555', /has no scheme/, 'tcp://127.0.0.1:5555'],
  ['localhost:5555', /has no scheme/, 'tcp://localhost:5555'],
  ['//localhost:5555', /has no scheme/, 'tcp://127.0.0.1:5555'],
  ['tcp', /has no scheme/, 'tcp://127.0.0.1:5555'],
  ['tcp:127.0.0.1:5555', /has no \/\//, 'tcp://127.0.0.1:5555'],
  ['tcp:/127.0.0.1:5555', /has no \/\//, 'tcp://127.0.0.1:5555'],
  ['tcp://127.0.0.1', /has no port/, 'tcp://127.0.0.1:5555'],
  ['tcp://[::1]', /has no port/, 'tcp://[::1]:5555'],
  ['tls://example.com', /has no port/, 'tls://example.com:5555'],
  ['tcp://', /has no host/, 'tcp://127.0.0.1:5555'],
  ['tcp://localhost:', /has port nothing/, 'tcp://127.0.0.1:5555'],
  ['tcp://localhost:http', /has port http/, 'tcp://127.0.0.1:5555'],
  ['tcp://localhost:65536', /has port 65536.*0 to 65535/, 'tcp://127.0.0.1:5555'],
  ['tcp://localhost:-1', /has port -1/, 'tcp://127.0.0.1:5555'],
  ['tcp://localhost:1e3', /has port 1e3/, 'tcp://127.0.0.1:5555'],
  ['tcp://localhost:5555/prices', /has a path, which tcp does not use/, 'tcp://127.0.0.1:5555'],
  ['tcp://::1:5555', /more than one colon.*brackets/, 'tcp://[::1]:5555'],
  ['tcp://[::1:5555', /more than one colon|not an IPv6/, 'tcp://[::1]:5555'],
  ['tcp://[::g]:5555', /\[::g\], which is not an IPv6/, 'tcp://127.0.0.1:5555'],
  ['tcp://[127.0.0.1]:5555', /not an IPv6/, 'tcp://127.0.0.1:5555'],
  ['tcp://[]:5555', /not an IPv6/, 'tcp://127.0.0.1:5555'],
  ['tcp://[::1%]:5555', /not an IPv6/, 'tcp://127.0.0.1:5555'],
  ['tcp://256.0.0.1:5555', /256\.0\.0\.1, which is not an IPv4/, 'tcp://127.0.0.1:5555'],
  ['tcp://127.1:5555', /not an IPv4/, 'tcp://127.0.0.1:5555'],
  ['tcp://010.0.0.1:5555', /not an IPv4/, 'tcp://127.0.0.1:5555'],
  ['tcp://-a:5555', /not a host name/, 'tcp://127.0.0.1:5555'],
  ['tcp://a..b:5555', /not a host name/, 'tcp://127.0.0.1:5555'],
  ['tcp://a*b:5555', /not a host name/, 'tcp://127.0.0.1:5555'],
  [`tcp://${'a'.repeat(64)}:5555`, /not a host name/, 'tcp://127.0.0.1:5555'],
  ['tcp://local host:5555', /not a host name/, 'tcp://127.0.0.1:5555'],
  [' tcp://localhost:5555', /has no scheme/, 'tcp://127.0.0.1:5555'],
  ['tcp://localhost:5555\n', /"tcp:\/\/localhost:5555\\n" has a control character/, 'tcp://127.0.0.1:5555'],
  ['tcp://localhost:5555#a', /has port 5555#a/, 'tcp://127.0.0.1:5555'],
  ['ws://localhost:80/a b', /space in its path.*%20/, 'ws://127.0.0.1:5555/prices'],
  ['ws://localhost:80/a#b', /fragment/, 'ws://127.0.0.1:5555/prices'],
  ['inproc://', /has no name/, 'inproc://prices'],
  ['inproc:prices', /has no \/\//, 'inproc://prices'],
  ['ipc://', /has no path/, 'ipc:///run/prices.sock'],
  ['ipc://*', /leaves the path to the system/, 'ipc:///run/prices.sock'],
  ['ipc://@prices', /abstract socket to ZeroMQ/, 'ipc:///run/prices.sock or, for a file, ipc://./@prices'],
  ['ipc:///run/', /ends with a slash/, 'ipc:///run/prices.sock'],
  [`ipc:///${'a'.repeat(107)}`, /path of 108 bytes.*107/, 'ipc:///run/prices.sock'],
  [`ipc:///${'é'.repeat(54)}`, /path of 109 bytes/, 'ipc:///run/prices.sock'],
  ['multicast://127.0.0.1:5555', /127\.0\.0\.1 where a multicast group belongs/, 'multicast://239.1.2.3:5555'],
  ['multicast://[::1]:5555', /multicast group/, 'multicast://239.1.2.3:5555'],
  ['multicast://:5555', /no host where a multicast group belongs/, 'multicast://239.1.2.3:5555'],
  ['multicast://*:5555', /multicast group/, 'multicast://239.1.2.3:5555'],
  ['webhook://localhost/hooks', /has no port/, 'webhook://localhost:5555'],
  ['pigeon:', /nothing after its scheme/, 'pigeon://127.0.0.1:5555'],
  ['pigeon://[::x]:1', /not an IPv6/, 'pigeon://127.0.0.1:5555'],
  ['pigeon://loft:99999', /has port 99999/, 'pigeon://127.0.0.1:5555'],
]

t.test('refuses what is no address, says why and shows the right form', async (t) => {
  for (const [url, why, instead] of bad) {
    try {
      const address = parseAddress(url)
      t.fail(`${url} was taken for ${JSON.stringify(address)}`)
    } catch (error) {
      t.match(error, { name: 'FanwireError', code: 'BAD_ADDRESS', message: why }, JSON.stringify(url.slice(0, 40)))
      t.match(String(error), `write ${instead}`)
      t.doesNotThrow(() => parseAddress(instead.split(' or ')[0] ?? ''), 'what is shown is right itself')
    }
  }
})

t.test('refuses what is not text', async (t) => {
  for (const url of [undefined, null, 5555, new URL('tcp://localhost:1')]) {
    t.throws(() => parseAddress(url as unknown as string), { code: 'BAD_ADDRESS', message: /must be text/ })
  }
})

t.test('keeps users and passwords out of addresses and of what it says about them', async (t) => {
  for (const url of [
    'tcp://me:hush@localhost:5555',
    'tcp://hush@localhost',
    'ws://a:hush@b/c@d',
    'pigeon://hush@loft',
  ]) {
    t.throws(() => parseAddress(url), { code: 'BAD_ADDRESS', message: /user and password are options/ }, url)
    t.throws(() => parseAddress(url), { message: /^((?!hush).)*$/ })
  }
  t.throws(() => parseAddress('tcp://localhost?password=hush'), { message: /^((?!hush).)*$/ }, 'nor is the query shown')
})

t.test('decodes the query and keeps it out of the address', async (t) => {
  const { url, query } = parseAddress('tcp://*:1?overflow=drop:newest:10&topics=a%3F%26%20b&empty=&flag')
  t.equal(url, 'tcp://*:1')
  t.strictSame(
    [...query],
    [
      ['overflow', 'drop:newest:10'],
      ['topics', 'a?& b'],
      ['empty', ''],
      ['flag', ''],
    ],
  )
  t.strictSame([...parseAddress('ipc://a.sock?stallMs=5s').query], [['stallMs', '5s']])
  t.strictSame([...parseAddress('webhook:?a=1').query], [['a', '1']])
  t.strictSame([...parseAddress('tcp://*:1?topics=a?b').query], [['topics', 'a?b']])
  t.strictSame([...parseAddress('tcp://*:1?').query], [])
})

t.test('refuses a query that says a thing twice', async (t) => {
  t.throws(() => parseAddress('tcp://*:1?a=1&b=2&a=1'), { code: 'BAD_ADDRESS', message: /gives a twice/ })
})

t.test('knows what cannot be dialled', async (t) => {
  const dial = (url: string) => () => checkDialable(parseAddress(url))
  t.throws(dial('tcp://*:5555'), { code: 'BAD_ADDRESS', message: /all interfaces.*write tcp:\/\/127\.0\.0\.1:5555/ })
  t.throws(dial('tcp://[::1]:0'), { code: 'BAD_ADDRESS', message: /port 0.*write tcp:\/\/\[::1\]:5555/ })
  for (const url of ['tcp://localhost:1', 'ipc://a', 'inproc://a', 'webhook:']) t.doesNotThrow(dial(url), url)
})

t.test('writes hosts as they stand in URLs', async (t) => {
  t.equal(formatHostPort('::1', 80), '[::1]:80')
  t.equal(formatHostPort('127.0.0.1', 80), '127.0.0.1:80')
})

t.test('either refuses with BAD_ADDRESS or gives a spelling that means the same', async (t) => {
  const scheme = fc.constantFrom(...[...Object.keys(good)].map((url) => `${url.split(':')[0]}:`))
  const letters = fc.string({ unit: fc.constantFrom(...'/:[]@#%*.-a1?&= '), maxLength: 16 })
  fc.assert(
    fc.property(fc.oneof(fc.tuple(scheme, letters), fc.tuple(scheme, fc.string())), ([head, rest]) => {
      try {
        const { url } = parseAddress(head + rest)
        return parseAddress(url).url === url
      } catch (error) {
        return (error as { code?: string }).code === 'BAD_ADDRESS'
      }
    }),
    { numRuns: 2_000 },
  )
  t.pass()
})
