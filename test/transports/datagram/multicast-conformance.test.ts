import { numbered, raw } from '../../../transports/datagram/index.js'
import { testAddress } from './conformance.js'

const lo = { interface: '127.0.0.1' }

testAddress(numbered, 'multicast://239.192.33.1:0', { heartbeatMs: 20, ...lo }, { goodbyeMs: 20 })
testAddress(raw, 'raw+multicast://239.192.33.2:0', lo)
