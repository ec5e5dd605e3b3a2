import t from 'tap'
import { WorkSharing } from '../support/work-sharing.js'

/** The small version of `test/load/work-sharing.test.ts`. */

const COUNT = 2_000

t.test(
  'nothing is lost of what is shared with workers that are killed, and what is done again is marked',
  async (t) => {
    const sharing = await WorkSharing.open(t, { size: 8, ms: 1 })
    await sharing.prepare(4)
    await sharing.hire()
    await sharing.hire()
    const sending = sharing.send(COUNT)
    for (const count of [COUNT / 4, COUNT / 2]) {
      await sharing.until(count)
      await sharing.dismiss()
      await sharing.hire()
    }
    await sharing.until(COUNT)
    await sending
    await sharing.tasks.flush()
    t.equal(sharing.done.size, COUNT)
    t.equal(sharing.repeated.unmarked, 0)
    const { waiting, returned, redelivered } = sharing.tasks.stats()
    t.equal(waiting, 0)
    t.ok(returned !== undefined && returned > 0, `${returned} came back`)
    t.equal(redelivered, returned)
    t.equal(sharing.imbalance, undefined)
  },
)
