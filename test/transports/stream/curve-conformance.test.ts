import { test } from 'tap'
import { testMechanism } from './mechanisms.js'

testMechanism('CURVE', test, [1])
