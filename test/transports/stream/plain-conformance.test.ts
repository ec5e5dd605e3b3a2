import { test } from 'tap'
import { testMechanism } from './mechanisms.js'

testMechanism('PLAIN', test, [1])
