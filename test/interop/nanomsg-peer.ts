// A socket of npm's nanomsg with the arguments and the output of `nanocat`, as far as the tests need them: libnanomsg
// ends its whole process where it finds something impossible, so that it gets one of its own.
//
//     sub bind|connect URL PREFIX            prints each body in hex, a line each
//     pub bind|connect URL FILE SECONDS      publishes the content of the file again and again
//     pull bind|connect URL                  prints each body in hex, a line each
//     push bind|connect URL FILE SECONDS     pushes the content of the file again and again
//     count bind|connect URL TOPIC AT_ONCE   publishes TOPIC, a zero, and numbers from 0 on, some every millisecond
import { readFileSync } from 'node:fs'
import { type Socket, socket } from 'nanomsg'

const [kind, how, url = '', first = '', second = ''] = process.argv.slice(2)

if (kind === 'sub' || kind === 'pull') {
  const subscriber = open(kind === 'sub' ? socket('sub', { chan: [first] }) : socket('pull'))
  subscriber.on('data', (data: Buffer | string) => process.stdout.write(`${Buffer.from(data).toString('hex')}\n`))
} else if (kind === 'pub' || kind === 'push') {
  const publisher = open(socket(kind, { tcpnodelay: true }))
  const data = readFileSync(first)
  setInterval(() => publisher.send(data), Number(second) * 1_000)
} else {
  const publisher = open(socket('pub', { tcpnodelay: true }))
  let number = 0
  const next = () => {
    for (let i = 0; i < Number(second); i++) publisher.send(`${first}\0${number++}`)
    setTimeout(next, 1)
  }
  next()
}

function open(opened: Socket): Socket {
  const result = how === 'bind' ? opened.bind(url) : opened.connect(url)
  if (result < 0) throw new Error(`cannot ${how} ${url}`)
  opened.on('error', (error: Error) => {
    throw error
  })
  return opened
}
