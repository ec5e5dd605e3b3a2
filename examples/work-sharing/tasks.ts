import { createProducer } from 'fanwire'

// Hands out 1,000 tasks, each to one of the workers that are there: `node worker.js`, as many as you like. Kill one on the
// way, and start others.
const url = process.argv[2] ?? 'tcp://127.0.0.1:5555'
const producer = await createProducer(url, { pattern: 'share' })
for (let task = 1; task <= 1_000; task++) await producer.send('task', `${task}`)
await producer.flush()

// Each task has been acknowledged by a worker. What came back from workers that died was given to others.
const { accepted, returned } = await producer.close()
console.log(`${accepted} tasks are done; ${returned} of them had to be given to another worker`)
