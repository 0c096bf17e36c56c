// Package parsers turns the text of Asterisk's logs into events: who did what,
// from which address, and how far that address can be trusted. The daemon and
// jailctl call it, one Parser per log.
//
// It reads structure, not sentences: the record's head once, then the one shape
// that its level and source file allow. Asterisk escapes nothing it logs, so an
// attacker writes parts of most records; a record that can be read two ways is
// Ambiguous and charges nobody.
//
// A record may stand in an envelope: syslog in its old and new form, the journal,
// busybox, Kubernetes (CRI), docker. A log has one kind of envelope. The envelope shows
// where a text begins and who wrote it, and a head is believed there only. A text that
// was written in parts is put together first.
//
// A call to a number that does not exist is a guest's only where its record names no
// endpoint of ours (Event.Guest); else the endpoint misdialled (Event.Misdialled), and
// jails ban nobody for it.
//
// It never resolves a name, opens a file, or takes an address from a field the
// sender controls, except as Claimed evidence. Rows cited as S1, J5, C10, I3, A2,
// L1, W1, U1, D1 are those of the message catalogue: a message each, with the
// source that writes it. Lines refer to asterisk/asterisk at f0c1c1a7b7.
//
// One log alone cannot settle all: who gets a newline into a field closes it and
// writes records of his own, and the logger takes out what lies between an ESC and
// the next m. Newlines come in by IAX2 user and peer names, by user names of AMI
// over HTTP (/rawman), and decoded from %0a by chan_sip's accounts and by the
// numbers that chan_sip, PJSIP and a dialplan's Log() print; an ESC forges within
// the line in J1, C1 and C10. testdata/limits.tsv holds a record of each. [json]
// escapes newlines, and the twin of a record in another channel has to be forged
// in another way: jails compare channels.
package parsers
