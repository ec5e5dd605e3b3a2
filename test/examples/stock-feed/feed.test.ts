import type { Producer } from 'fanwire'
import { Book, type Quote, quoteOf, records } from 'fanwire/itch'
import t from 'tap'
import { Feed } from '../../../examples/stock-feed/feed.js'
import { day } from '../../itch/samples.js'

t.test('publishes every message as it is, and a quote whenever one changes', async (t) => {
  const { sent, feed } = open()
  const book = new Book()
  let quotes = '[]'
  let changes = 0
  await feed.begin(1)
  for (const record of records(day)) {
    await feed.publish(record)
    book.apply(record)
    const now = JSON.stringify(book.stocks.map(quoteOf))
    if (now !== quotes) changes++
    quotes = now
  }
  await feed.pass(1)
  await feed.end()
  t.same(sent.shift(), ['feed.begin', '1'])
  t.same(sent.pop(), ['feed.end', ''])
  t.same(sent.pop(), ['feed.pass', '1'])

  const messages = sent.filter(([topic]) => topic.startsWith('itch.'))
  t.ok(Buffer.concat(messages.map(([, data]) => data as Uint8Array)).equals(Buffer.concat([...records(day)])))
  t.same([...new Set(messages.map(([topic]) => topic))].sort(), ['itch.ALC', 'itch.BOB', 'itch.CHAR', 'itch.market'])

  const published = sent.filter(([topic]) => topic.startsWith('quote.'))
  t.equal(published.length, changes)
  t.equal(messages.length + published.length, sent.length)
  const newest = new Map(published.map(([topic, data]) => [topic, JSON.parse(data as string) as Quote]))
  for (const stock of book.stocks) {
    t.same(newest.get(`quote.${stock.symbol}`), quoteOf(stock))
  }
})

t.test('publishes what is no message of ITCH as well', async (t) => {
  const { sent, feed } = open()
  for (const bytes of [Uint8Array.of(), Uint8Array.of(0x41), new Uint8Array(60)]) await feed.publish(bytes)
  t.same(
    sent.map(([topic, data]) => [topic, data.length]),
    [
      ['itch.market', 0],
      ['itch.market', 1],
      ['itch.market', 60],
    ],
  )
})

function open() {
  const sent: [topic: string, data: string | Uint8Array][] = []
  const producer = {
    async send(topic: string, data: string | Uint8Array) {
      sent.push([topic, data])
    },
  }
  return { sent, feed: new Feed(producer as Producer) }
}
