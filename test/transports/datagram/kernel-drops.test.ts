import { test } from 'tap'
import type { LineCounts } from '../../../transports/datagram/incoming-line.js'
import { findDrops, KernelDrops } from '../../../transports/datagram/kernel-drops.js'
import { FakePlatform } from '../../lib/support/fake-platform.js'
import { plainSocket } from './ends.js'
import { openConsumer, sendTo } from './scene.js'

// Written down from /proc/net/udp of a Linux 6.18: two sockets of one group and port, and one with a long inode.
const TABLE = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            
  497: 0107C0EF:C001 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 28765 2 0000000000000000 0         
  497: 0107C0EF:C001 00000000:0000 07 00000000:00008A00 00:00000000 00000000     0        0 28764 2 0000000000000000 74        
 1012: 0100007F:1F40 0100007F:E0C2 01 00000000:00000000 00:00000000 00000000  1000        0 4028764511 2 0000000000000000 4294967295
`

test('finds the socket among those of the machine', async (t) => {
  t.equal(findDrops(TABLE, '28764'), 74)
  t.equal(findDrops(TABLE, '28765'), 0)
  t.equal(findDrops(TABLE, '4028764511'), 4_294_967_295)
  t.equal(findDrops(TABLE, '287'), undefined)
  t.equal(findDrops('', '28764'), undefined)
})

test('has no count for what is no socket', async (t) => {
  t.equal(KernelDrops.of(1_000_000, 4, new FakePlatform()), undefined)
})

test('tells in the final ledger of a consumer what its socket has lost, though nobody asked before', {
  skip: process.platform !== 'linux' && 'the system does not tell',
}, async (t) => {
  const { consumer, url } = await openConsumer(t, 'udp://127.0.0.1:0?receiveBufferBytes=4096')
  const socket = await plainSocket(t)
  const datagrams = Array.from({ length: 100 }, () => Buffer.alloc(500))
  // All in one turn: the socket is read when that is over, and by then most of it has found no room.
  await sendTo(socket, url, ...datagrams)
  const [counts] = (await consumer.close()).ends as readonly LineCounts[]
  t.ok((counts?.kernelDrops ?? 0) > 50, `${counts?.kernelDrops} of 100`)
})
