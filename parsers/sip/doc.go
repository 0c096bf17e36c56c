// Package sip reads SIP messages: the start line and the few headers that tell what was asked, by whom, and how we answered.
// Package sensor calls it. It takes bytes, keeps nothing, and never fails loudly:
// what it cannot read it says so.
package sip
