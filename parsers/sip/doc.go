// Package sip reads SIP messages as they are on the wire: the start line and the few
// headers that tell who asks for what, and what was answered. Package sensor calls it
// for each packet.
//
// It keeps nothing and allocates nothing: all texts are slices of the caller's bytes.
// It is as lenient as Asterisk's two stacks, because what they answer must be read;
// what a message lacks is named by its Problem. It must never follow a length that
// the sender wrote beyond the bytes that are there, and never look into a body.
//
// RFC 3261 is the source of truth, RFC 4475 has the messages that torture a reader.
package sip
