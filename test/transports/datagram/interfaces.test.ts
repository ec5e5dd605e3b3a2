import { networkInterfaces } from 'node:os'
import { test } from 'tap'
import { findInterface, listInterfaces, plainAddress } from '../../../transports/datagram/interfaces.js'
import { hasIpv6 } from './ends.js'

const loopback = Object.entries(networkInterfaces()).find(([, all]) => all?.some((one) => one.internal))?.[0] ?? ''

test('finds an interface by its name and by its addresses', async (t) => {
  const expected = { name: loopback, address: '127.0.0.1', loopback: true, selector: '127.0.0.1' }
  t.match(findInterface('127.0.0.1', 4), expected)
  t.match(findInterface(loopback, 4), expected)
})

test('finds the other family’s address of an interface', { skip: !hasIpv6 && 'no IPv6 here' }, async (t) => {
  t.match(findInterface('::1', 4), { name: loopback, address: '127.0.0.1' })
  const six = { name: loopback, address: '::1', loopback: true, selector: /^::%/, zone: /^%/ }
  t.match(findInterface(loopback, 6), six)
  t.match(findInterface('0:0:0:0:0:0:0:1', 6), six)
  t.match(findInterface('127.0.0.1', 6), six)
})

test('says what there is when there is no such interface', async (t) => {
  t.match(listInterfaces(), new RegExp(`there are .*${loopback} \\(.*127\\.0\\.0\\.1`))
  for (const named of ['eth77', '192.0.2.77', '..', 'a/b', '2001:db8::77']) {
    t.throws(() => findInterface(named, 4), { code: 'BAD_OPTION', message: /interface must be .*; there are / }, named)
  }
})

test('spells addresses as the system does', async (t) => {
  t.equal(plainAddress('127.0.0.1'), '127.0.0.1')
  t.equal(plainAddress('2001:DB8:0:0::1'), '2001:db8::1')
  t.equal(plainAddress('fe80::1%eth0'), 'fe80::1')
  t.equal(plainAddress('lo'), undefined)
})
