import { createConsumer, createProducer } from 'fanwire'

const passwords = new Map([['bob', 'correct horse battery staple']])
const producer = await createProducer('tcp://127.0.0.1:0', {
  plain: 'server',
  authenticate: ({ username = '', password }) => password !== undefined && passwords.get(username) === password,
})
const consumer = await createConsumer(producer.urls, {
  plain: 'client',
  username: 'bob',
  password: 'correct horse battery staple',
})
await producer.linked()
console.log(producer.links[0]?.peer?.user)
await producer.close()
await consumer.close()
