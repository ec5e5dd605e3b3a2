import { once } from 'node:events'
import { connect as connectPlain, createServer as createPlainServer, type Socket } from 'node:net'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { inspect } from 'node:util'
import { type Test, test } from 'tap'
import { connect as connectExample } from '../../../examples/security/tls.js'
import { parseAddress } from '../../../lib/address.js'
import {
  type Consumer,
  type Credentials,
  createConsumer,
  createProducer,
  type Fault,
  type Producer,
  type TcpConsumerOptions,
  type TlsOptions,
} from '../../../lib/index.js'
import { nodePlatform } from '../../../lib/node/platform.js'
import { Connection } from '../../../transports/stream/connection.js'
import { authority, client, folder, read, server, stranger } from '../../support/certificates.js'

const mutual = { ...server, ca: authority, clientCertificate: 'required' } as const

async function produce(t: Test, options: object): Promise<{ producer: Producer; url: string; faults: Fault[] }> {
  const faults: Fault[] = []
  const producer = await createProducer('tls://127.0.0.1:0', options)
  producer.on('fault', (fault) => faults.push(fault))
  t.teardown(() => producer.close({ drainMs: 0 }))
  return { producer, url: producer.urls[0] as string, faults }
}

async function consume(t: Test, url: string, options: TlsOptions & TcpConsumerOptions): Promise<Consumer> {
  const consumer = await createConsumer(url, { reconnectMinMs: 1, ...options })
  t.teardown(() => consumer.close())
  return consumer
}

async function faultOf(end: Producer | Consumer): Promise<Fault> {
  const [fault] = await once(end as Consumer, 'fault')
  return fault as Fault
}

async function one(consumer: Consumer): Promise<string> {
  for await (const message of consumer) return message.text()
  throw new Error('closed')
}

test('messages pass, and the URL is another scheme and nothing else', async (t) => {
  const { producer, url } = await produce(t, server)
  t.match(url, /^tls:\/\/127\.0\.0\.1:\d+$/)
  const consumer = await consume(t, url, { ca: authority })
  await producer.linked()
  await producer.send('a', 'b')
  t.equal(await one(consumer), 'b')
  t.match(producer.links[0]?.remote, /^tls:\/\/127\.0\.0\.1:\d+$/)
})

test('the consumer may listen, and then it is the one with a certificate', async (t) => {
  const consumer = await createConsumer('tls://127.0.0.1:0', { role: 'listen', ...server })
  t.teardown(() => consumer.close())
  const producer = await createProducer(consumer.urls, { role: 'dial', ca: authority })
  t.teardown(() => producer.close())
  await producer.linked()
  await producer.send('a', 'b')
  t.equal(await one(consumer), 'b')
})

test('one producer serves tcp and tls from one log', async (t) => {
  const producer = await createProducer(['tcp://127.0.0.1:0', 'tls://127.0.0.1:0'], server)
  t.teardown(() => producer.close())
  const [tcp, tls] = producer.urls as [string, string]
  const consumers = [await createConsumer(tcp), await createConsumer(tls, { ca: authority })]
  for (const consumer of consumers) t.teardown(() => consumer.close())
  await producer.linked({ count: 2 })
  await producer.send('a', 'b')
  t.strictSame(await Promise.all(consumers.map(one)), ['b', 'b'])
})

test('a server is trusted by its authority and its name only', async (t) => {
  const { url, faults } = await produce(t, server)
  const cases: [options: TlsOptions, words: RegExp][] = [
    [{}, /self-signed certificate in certificate chain|unable to (verify|get)/],
    [{ ca: stranger.cert }, /unable to (verify|get)/],
    [{ ca: authority, servername: 'prices.example.com' }, /Host: prices\.example\.com\. is not in the cert's altnames/],
  ]
  for (const [options, words] of cases) {
    const consumer = await consume(t, url, options)
    const fault = await faultOf(consumer)
    t.match(fault, { code: 'CONNECT_FAILED', message: words, remote: url })
    t.match(fault.message, `cannot connect to ${url}: `)
    await consumer.close()
  }
  const trusting = await consume(t, url, { verifyServer: false })
  await trusting.linked()
  const named = await consume(t, url, { ca: authority, servername: 'localhost' })
  await named.linked()
  t.ok(faults.every(({ code }) => code === 'CONNECT_FAILED'))
})

test('who dials must show a certificate of the authority, where that is asked for', async (t) => {
  const asked: Credentials[] = []
  const authenticate = (credentials: Credentials) => {
    asked.push(credentials)
    return { user: credentials.certificate?.commonName }
  }
  const { producer, url, faults } = await produce(t, { ...mutual, authenticate })
  const good = await consume(t, url, { ca: authority, ...client })
  await producer.linked()
  t.match(asked, [
    {
      mechanism: 'NULL',
      certificate: {
        trusted: true,
        commonName: 'client one',
        subjectAltName: 'DNS:client-one.test',
        fingerprint256: /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/,
      },
    },
  ])
  t.equal(producer.links[0]?.peer?.user, 'client one')
  for (const [options, words] of [
    [{}, /^the certificate of tls:\S+ is not accepted: it has shown none$/],
    [stranger, /^the certificate of tls:\S+ is not accepted: \w+/],
  ] as const) {
    const told = faultOf(producer)
    const bad = await consume(t, url, { ca: authority, ...options })
    t.match(await told, { code: 'REFUSED', message: words })
    await bad.close()
  }
  await producer.send('still', 'here')
  t.equal(await one(good), 'here')
  t.equal(asked.length, 1, 'nobody else got as far as to be asked about')
  t.ok(faults.length >= 2)
})

test('a certificate that is asked for and not required is told to authenticate, trusted or not', async (t) => {
  const asked: (boolean | undefined)[] = []
  const authenticate = ({ certificate }: Credentials) => {
    asked.push(certificate?.trusted)
    return certificate?.trusted === true
  }
  const { producer, url } = await produce(t, { ...mutual, clientCertificate: 'optional', authenticate })
  for (const options of [{}, stranger]) {
    const bad = await consume(t, url, { ca: authority, ...options, reconnectMaxMs: 60_000 })
    t.match(await faultOf(bad), { code: 'REFUSED', message: /authentication failed/ })
    await bad.close()
  }
  await consume(t, url, { ca: authority, ...client })
  await producer.linked()
  t.strictSame(asked, [undefined, false, true])
})

test('a client may judge the certificate of its server before it says anything of itself', async (t) => {
  const { url } = await produce(t, { ...server, plain: 'server', authenticate: () => true })
  const consumer = await consume(t, url, {
    ca: authority,
    plain: 'client',
    username: 'bob',
    password: 'hunter2',
    authenticate: ({ certificate }: Credentials) => certificate?.commonName === 'another host',
  })
  const fault = await faultOf(consumer)
  t.match(fault, { code: 'REFUSED', message: 'peer is not accepted' })
})

test('strangers are named, and cost nobody else anything', async (t) => {
  const { producer, url, faults } = await produce(t, server)
  const consumer = await consume(t, url, { ca: authority })
  await producer.linked()
  const cases: [say: (socket: Socket) => void, words: RegExp][] = [
    [(socket) => socket.write('GET / HTTP/1.1\r\n\r\n'), /no link with tls:\S+: http request/],
    [
      (socket) => socket.write(Buffer.from('ff00000000000000017f0301', 'hex')),
      /no link with tls:\S+: (wrong version|unknown)/,
    ],
    [(socket) => socket.destroy(), /no link with tls:\S+: /],
  ]
  for (const [say, words] of cases) {
    const told = faultOf(producer)
    const { socket } = await dial(url)
    say(socket)
    t.match(await told, { code: 'CONNECT_FAILED', message: words })
    socket.destroy()
  }
  // TLS is fine, and what is said over it is not.
  const told = faultOf(producer)
  const { host, port } = parseAddress(url)
  const secured = connect({ host, port, ca: authority } as object)
  secured.on('error', () => undefined)
  secured.write('GET / HTTP/1.1\r\n\r\n')
  t.match(await told, { code: 'BAD_PEER', message: /does not speak ZMTP 3 .*HTTP/ })
  secured.destroy()
  await producer.send('still', 'here')
  t.equal(await one(consumer), 'here')
  t.equal(faults.length, 4)
})

test('a caller who does not begin, or not finish, with TLS holds a place until its time is up', async (t) => {
  const { producer, url } = await produce(t, { ...server, handshakeMs: 100, maxLinks: 1 })
  const silent = await dial(url)
  const turned = faultOf(producer)
  const other = await dial(url)
  t.match(await turned, { code: 'CONNECT_FAILED', message: /all of 1 links \(maxLinks\) are taken/ })
  await other.closed
  t.match(await faultOf(producer), { code: 'CONNECT_FAILED', message: /TLS handshake timeout/ })
  await silent.closed
  await consume(t, url, { ca: authority })
  await producer.linked()
})

test('closing cuts those who are still in the middle of TLS', async (t) => {
  const { producer, url, faults } = await produce(t, server)
  const silent = await dial(url)
  // The server has seen it once another one is through.
  await consume(t, url, { ca: authority })
  await producer.linked()
  await producer.close()
  await silent.closed
  t.strictSame(faults, [])
})

test('a dialler whose peer says nothing of TLS gives up in time, and closes at once', async (t) => {
  const consumerOf = async (handshakeMs: number) => {
    const listener = createPlainServer()
    await once(listener.listen(0, '127.0.0.1'), 'listening')
    t.teardown(() => void listener.close())
    const { port } = listener.address() as { port: number }
    return consume(t, `tls://127.0.0.1:${port}`, { ca: authority, handshakeMs })
  }
  t.match(await faultOf(await consumerOf(50)), { code: 'CONNECT_FAILED', message: /no answer in 50 ms/ })
  await (await consumerOf(60_000)).close()
})

test('a write is outstanding until the kernel has every encrypted byte, and shows how far it has come', async (t) => {
  const listener = createServer({ ...server })
  await once(listener.listen(0, '127.0.0.1'), 'listening')
  const { port } = listener.address() as { port: number }
  const dialled = connect({ host: '127.0.0.1', port, ca: authority })
  const [accepted] = (await once(listener, 'secureConnection')) as [TLSSocket]
  t.teardown(() => {
    dialled.destroy()
    accepted.destroy()
    listener.close()
  })
  const connection = new Connection(accepted, nodePlatform)
  const drained = new Promise<void>((resolve) => {
    const conversation = {
      opening: new Uint8Array(0),
      begin: () => undefined,
      receive: () => undefined,
      drained: resolve,
      lost: () => undefined,
    }
    connection.begin(conversation as unknown as Parameters<Connection['begin']>[0])
  })
  // Far more than kernels take from whoever does not read.
  const size = 16 * 1024 * 1024
  dialled.pause()
  let isDrained = false
  void drained.then(() => {
    isDrained = true
  })
  t.equal(connection.write(Buffer.alloc(size, 1)), 'busy')
  t.ok(connection.pending >= size, 'it is all here')
  let received = 0
  const pending = new Set<number>()
  const complete = new Promise<void>((resolve) => {
    dialled.on('data', (chunk) => {
      received += chunk.length
      if (!isDrained) pending.add(connection.pending)
      if (received === size) resolve()
    })
  })
  dialled.resume()
  await once(dialled, 'data')
  t.notOk(isDrained)
  await drained
  t.equal(connection.pending, 0)
  t.ok(pending.size > 2, `it was seen ${pending.size} times how far it had come`)
  await complete
})

test('keys and passwords are shown by nothing that can be printed', async (t) => {
  const passphrase = 'sesame'
  const locked = { key: read('client-locked.key'), cert: client.cert, passphrase }
  const { producer, url } = await produce(t, mutual)
  const consumer = await consume(t, url, { ca: authority, ...locked })
  await producer.linked()
  const shown = inspect([producer, producer.links, consumer, consumer.links], {
    depth: Number.POSITIVE_INFINITY,
    showHidden: true,
  })
  for (const secret of [server.key.slice(40, 90), locked.key.slice(100, 150), passphrase]) t.notMatch(shown, secret)
})

test('in a URL the materials are files', async (t) => {
  const files = `key=${folder}server.key&cert=${folder}server.pem&ca=${folder}authority.pem&clientCertificate=required`
  const producer = await createProducer(`tls://127.0.0.1:0?${files}`)
  t.teardown(() => producer.close())
  const own = `key=${folder}client.key&cert=${folder}client.pem&ca=${folder}authority.pem`
  await consume(t, `${producer.urls[0]}?${own}`, {})
  await producer.linked()
})

test('materials that cannot be used are refused at the door, and not shown', async (t) => {
  const cases: [role: 'listen' | 'dial', options: object, message: RegExp][] = [
    ['listen', {}, /an end that listens needs key and cert/],
    ['listen', { key: server.key }, /key and cert belong together/],
    ['dial', { cert: server.cert }, /key and cert belong together/],
    ['dial', { passphrase: 'x' }, /passphrase is of no use without key/],
    ['listen', { ...server, clientCertificate: 'required' }, /clientCertificate: 'required' needs ca/],
    ['listen', { key: '/etc/server.key', cert: server.cert }, /key must be PEM, .*got another value, not shown here/],
    ['listen', { key: [], cert: server.cert }, /key must be PEM/],
    ['listen', { key: client.key, cert: server.cert }, /make no TLS: key values mismatch/],
    ['listen', { key: read('client-locked.key'), cert: client.cert, passphrase: 'x' }, /make no TLS: bad decrypt/],
    ['listen', { ...server, clientCertificate: 'always' }, /clientCertificate must be one of/],
  ]
  for (const [role, options, message] of cases) {
    await t.rejects(createProducer('tls://127.0.0.1:5555', { role, ...options } as object), {
      code: 'BAD_OPTION',
      message,
    })
  }
  await t.rejects(createProducer('tls://127.0.0.1:0?key=/nowhere/a.key'), {
    code: 'BAD_OPTION',
    message: /key in a URL names a file, and '\/nowhere\/a\.key' cannot be read: ENOENT/,
  })
  await t.rejects(createProducer('tcp://127.0.0.1:0', { key: server.key } as object), { code: 'BAD_OPTION' })
})

test('the example of the page links two ends that know each other by their certificates', async (t) => {
  const { producer, consumer } = await connectExample(folder)
  t.teardown(() => producer.close())
  t.teardown(() => consumer.close())
  await producer.linked()
  t.equal(producer.links[0]?.peer?.user, 'client one')
})

test('SP passes over TLS as well', async (t) => {
  const producer = await createProducer('sp+tls://127.0.0.1:0', server)
  t.teardown(() => producer.close())
  const consumer = await createConsumer(producer.urls, { ca: authority })
  t.teardown(() => consumer.close())
  await producer.linked()
  await producer.send('a', 'b')
  t.equal(await one(consumer), 'b')
})

async function dial(url: string): Promise<{ readonly socket: Socket; readonly closed: Promise<unknown> }> {
  const { host, port } = parseAddress(url)
  const socket = connectPlain({ host: host as string, port: port as number })
  socket.on('error', () => undefined).resume()
  await once(socket, 'connect')
  return { socket, closed: once(socket, 'close') }
}
