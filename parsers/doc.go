// Package parsers turns the text of Asterisk's logs into events: who did what,
// from which address, and how far that address can be trusted. The daemon and
// jailctl call it, one Parser per log.
//
// It reads structure, not sentences: the head of a record once, and then the one form that
// its level and source file allow. Asterisk does not escape its logs, so an attacker writes
// parts of most records. A record that can be read in two ways is Ambiguous, and charges no
// address.
//
// A record may be in an envelope: syslog in its old and new form, the journal,
// busybox, Kubernetes (CRI), docker. A log has one kind of envelope. The envelope shows
// where a text begins and who wrote it, and a head is believed there only. A text that
// was written in parts is put together first.
//
// A call to a number that does not exist comes from a guest only if its record names no
// endpoint of ours (Event.Guest). Else the endpoint misdialled (Event.Misdialled), and no
// jail bans for it.
//
// It never resolves a name, opens a file, or takes an address from a field the
// sender controls, except as Claimed evidence. Ids such as J5, C10, I3 and A2 are
// rows of catalogue.md, which is generated from the rules: a message each, with the
// source that writes it. Lines refer to asterisk/asterisk at f0c1c1a7b7.
//
// A sender that gets a newline into a field can write forged records after it. So a record
// whose text may hold a newline puts the text after it in doubt (doubt), for the greatest
// length that its text can have. In doubt, a record is believed in two cases:
//
//   - Its thread is known (Threads). A caller cannot see thread numbers, and may guess only
//     a few times. In a container numbers are small, and prove nothing. A thread becomes
//     known from a record that cannot be a caller's text, of any level. One such record at
//     the beginning of a busy log is enough: the next record of its thread ends the doubt
//     before it, and makes more threads known. A forged record never makes a thread known,
//     because the caller's own record is before it and covers it.
//   - It names the one address that sent all records whose text it may be.
//
// An address after a caller's text is believed if the next line provably begins a record,
// or if no line that may be the end of the record names another address (gate.go). [json]
// escapes newlines, and needs none of this.
//
// Doubt ends where the text of the record before must have ended. Asterisk writes
// something after a caller's text. If no line before the next record of a known thread
// ends so, the text ended with its line (extent.go). The package also knows how much text
// messages without a rule can hold (sayings.go), and which user names of AMI are our own
// (amiusers.go). A record that the logger cut has no such end, and stays in doubt.
//
// Newlines come from IAX2 user names, responses and numbers, from user names of AMI over
// HTTP (/rawman), from chan_sip's Replaces header and accounts, from numbers that chan_sip,
// PJSIP and a dialplan's Log() print, from 36 bytes of a PJSIP user, and from dumped
// packets. Asterisk removes the text from an ESC to the next m: so a sender can forge inside
// the line of J1, C1 and C10. testdata/limits.tsv lists records that one log alone cannot
// decide. Jails compare channels, and witnesses of packets decide better.
package parsers
