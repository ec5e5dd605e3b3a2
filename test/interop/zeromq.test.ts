import t from 'tap'
import { Subscriber, XPublisher } from 'zeromq'

t.test('zeromq.js runs here: a subscriber of its own hears its own publisher', async (t) => {
  const publisher = new XPublisher({ linger: 0, receiveTimeout: 5_000 })
  const subscriber = new Subscriber({ linger: 0, receiveTimeout: 5_000 })
  t.teardown(() => {
    publisher.close()
    subscriber.close()
  })
  await publisher.bind('tcp://127.0.0.1:0')
  subscriber.subscribe('trades.')
  subscriber.connect(publisher.lastEndpoint ?? '')
  t.same((await publisher.receive()).map(String), ['\x01trades.'])
  await publisher.send(['quotes.A', '1'])
  await publisher.send(['trades.A', '2'])
  t.same((await subscriber.receive()).map(String), ['trades.A', '2'])
})
