import { spawnSync } from 'node:child_process'
import { chmodSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createConsumer, createProducer } from '../../../lib/index.js'
import { openSpillFile, prepare } from '../../../lib/node/spill.js'

const KIB = 1024
const library = import.meta.resolve('../../../lib/index.js')

t.test('a file takes what it is given, has no name, and belongs to nobody else', async (t) => {
  const directory = join(t.testdir(), 'made/when/needed')
  await prepare(directory)
  const file = await openSpillFile(directory)
  t.same(readdirSync(directory), [], 'however the process ends, nothing is left')
  await file.write([Buffer.from('one'), new Uint8Array(0), Buffer.from('three')], 1_000)
  const [first, second] = [Buffer.alloc(5), Buffer.alloc(3)]
  await file.read([first, second], 1_000)
  t.same([`${first}`, `${second}`], ['oneth', 'ree'])
  await t.rejects(file.read([Buffer.alloc(1)], 2_000), { message: 'the file ends at 2000' })
  file.close()
})

t.test('clears what a process has left that is no more, and nothing else', async (t) => {
  const directory = t.testdir()
  const { pid } = spawnSync(process.execPath, ['--version'])
  const kept = [`fanwire-${process.pid}-0123456789abcdef.spill`, 'fanwire.spill', 'notes.txt']
  for (const name of [...kept, `fanwire-${pid}-0123456789abcdef.spill`]) writeFileSync(join(directory, name), 'x')
  await prepare(directory)
  t.same(readdirSync(directory).toSorted(), kept.toSorted())
})

t.test('a producer opens only with a directory that takes files', async (t) => {
  const directory = t.testdir({ file: 'not a directory' })
  await t.rejects(createProducer('inproc://spill', { overflow: `buffer:10:${join(directory, 'file/below')}` }), {
    code: 'SPILL_FAILED',
    message: /^\[SPILL_FAILED\] overflow\.spill must be a directory that takes files, got .*file\/below: ENOTDIR/,
  })
})

t.test('a directory without rights is told when the producer opens', async (t) => {
  const directory = t.testdir()
  chmodSync(directory, 0o555)
  // To root no directory is without rights.
  const script = `
    const { createProducer } = await import('${library}')
    if (process.getuid?.() === 0) process.seteuid(65_534)
    await createProducer('inproc://spill', { overflow: 'buffer:10:${directory}' }).catch(({ message }) => console.log(message))`
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  t.match(run.stdout, /^\[SPILL_FAILED\] overflow\.spill must be .*: EACCES: permission denied/)
})

t.test('what waits on a real disk comes over a real socket, in order', async (t) => {
  const directory = t.testdir()
  const overflow = `buffer:100:${directory}` as const
  const producer = await createProducer('tcp://127.0.0.1:0', { overflow, memory: { bytes: 4 * KIB * KIB } })
  t.teardown(() => producer.close({ drainMs: 0 }))
  const consumer = await createConsumer(producer.urls, { overflow: 'backpressure:10' })
  t.teardown(() => consumer.close())
  await producer.linked()
  const count = 1_500
  for (let i = 0; i < count; i++) await producer.send('a', `${i}`.padEnd(16 * KIB))
  const [ledger] = producer.stats().links
  t.ok((ledger?.spilled ?? 0) > 500, `${ledger?.spilled} of ${ledger?.waiting} on disk`)
  let expected = 0
  for await (const message of consumer) {
    if (Number(message.text()) !== expected) t.fail(`${message.text().trim()} came for ${expected}`)
    if (++expected === count) break
  }
  t.equal(expected, count)
  await consumer.close()
  t.match(await producer.close(), { accepted: count })
  t.same(readdirSync(directory), [])
})
