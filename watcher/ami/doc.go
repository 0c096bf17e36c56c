// Package ami is a client of the Asterisk Manager Interface. It logs in, asks for events, and
// hands out each packet as it came; it sends actions and waits for their answers. The daemon
// runs one Client, and package parsers/manager says what a packet means.
//
// Asterisk does not escape what it writes into a packet (asterisk:main/security_events.c,
// append_event_str_single): a caller can put line ends into the name of an account, and so
// write whole packets. So the client has Asterisk leave out each event that holds an empty
// line (guard.go). Asterisk does not do so for the answers to actions. So each event comes with
// the word whether it is guarded; an event that is not guarded proves nothing. That is so where
// Asterisk refuses the filter or an admin has written another one (State.Guarded is false), and while Asterisk answers with a list.
//
// All memory is bounded, whatever the other side sends. The package must not know what
// packets mean, must not decide, and must not write the secret anywhere but to Asterisk.
package ami
