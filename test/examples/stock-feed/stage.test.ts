import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { Stage } from '../../../examples/stock-feed/stage.js'

interface Report {
  readonly phase: string
  readonly task?: object
}

t.test('hears what a process reports, tells it what to do, and lets it end', async (t) => {
  const stage = new Stage()
  t.teardown(() => stage.close())
  const child = stage.start<Report>(
    'the child',
    script(
      t,
      `process.send({ phase: 'open', task: JSON.parse(process.argv[2]) })
       process.on('message', (order) => process.send({ phase: order + 'd' }, () => process.disconnect()))`,
    ),
    { some: 'task' },
  )
  await stage.until(() => child.phase === 'open')
  t.strictSame(child.report?.task, { some: 'task' })
  child.tell('close')
  await stage.until(() => child.phase === 'closed')
  await child.ended()
  t.ok(child.mayEnd)
})

t.test('fails everybody who waits when a process ends too early, with what it said', async (t) => {
  const stage = new Stage()
  t.teardown(() => stage.close())
  stage.start<Report>('the child', script(t, `console.error('out of luck'); process.exitCode = 3`), {})
  const never = () => false
  await t.rejects(stage.until(never), { message: 'the child ended with code 3, having said:\nout of luck' })
  await t.rejects(stage.until(never), /out of luck/, 'and whoever comes later')
})

t.test('fails when a process that has done its work ends badly all the same', async (t) => {
  const stage = new Stage()
  t.teardown(() => stage.close())
  const code = `process.send({ phase: 'closed' }, () => process.exit(4))`
  stage.start<Report>('the child', script(t, code), {})
  await t.rejects(
    stage.until(() => false),
    { message: 'the child ended with code 4' },
  )
})

t.test('kills without being surprised', async (t) => {
  const stage = new Stage()
  t.teardown(() => stage.close())
  const child = stage.start<Report>(
    'the child',
    script(t, `process.send({ phase: 'open' }); setInterval(() => {}, 1e6)`),
    {},
  )
  await stage.until(() => child.phase === 'open')
  await child.kill()
  t.ok(child.killed)
  await stage.until(() => true)
})

/** A process that is as simple as that. */
function script(t: Test, code: string): string {
  const path = join(t.testdir(), 'child.mjs')
  writeFileSync(path, code)
  return pathToFileURL(path).href
}
