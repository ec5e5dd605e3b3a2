// Waits until it is asked for all of the given prefixes, then publishes on topics of each, for as long as it lives.
import { XPublisher } from 'zeromq'
import { PUBLISHER, request, turn } from './zeromq-peers.js'

const [how, url = '', round, ...prefixes] = process.argv.slice(2)
const publisher = new XPublisher(PUBLISHER)
process.on('disconnect', () => process.exit())
if (how === 'bind') await publisher.bind(url)
else publisher.connect(url)
process.send?.(publisher.lastEndpoint ?? url)

const asked: string[] = []
while (!prefixes.every((prefix) => asked.includes(`\x01${prefix}`))) asked.push(await request(publisher))
process.send?.(asked)
for (let i = 0; i < 5_000; i++) {
  for (const prefix of prefixes) await publisher.send([`${prefix}topic`, `${round}:${i}`])
  await publisher.send(['nobody.wants', `${round}:${i}`])
  if (i % 64 === 0) await turn()
}
