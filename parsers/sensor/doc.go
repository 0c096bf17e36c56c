// Package sensor reads the packets between this host's Asterisk and the world, and
// turns them into events: who asked for what, and what we answered. It is the wire's
// counterpart of package parsers, which reads logs. The daemon feeds it from a
// capture, jailctl replay from a trace file.
//
// It judges by our own answers, which no sender can write: a challenge that stays
// open, a refusal of a request that carried our nonce, a call without an account. A
// request with our nonce proves its sender's address, for the nonce was sent there
// alone; a forged packet cannot have it.
//
// It opens nothing, starts nothing, reads no clock, and keeps neither bodies nor
// passwords: of a digest response it keeps a hash, to tell a second guess from a
// repeated packet. Every table is bounded, because the sender chooses how many keys
// there are; what makes room is counted (Sensor.Stats). What is encrypted (TLS) is
// dark: the sensor knows that packets came, and not what they said.
package sensor
