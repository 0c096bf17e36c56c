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
// sender controls, except as Claimed evidence. Ids such as J5, C10, I3 and A2 are
// rows of catalogue.md, which is generated from the rules: a message each, with the
// source that writes it. Lines refer to asterisk/asterisk at f0c1c1a7b7.
//
// Who gets a newline into a field closes it and writes records of his own. So each
// record whose text may hold one puts what follows in doubt (doubt), for as long as
// that text can be. In doubt a record is believed when its thread is known (Threads):
// a caller cannot see its number, may guess a few times, and in a container, where
// numbers are small, it is no proof. Threads become known from records that nothing can
// go on in, of whatever level: one such record at the beginning of a busy log is enough,
// as the next record of its thread ends the doubt before it, and makes more known. What a
// caller writes never does, for his own record comes before it and covers it; so many
// records with a number that he made up prove as little as one. It is believed too when it names the one address
// that sent all records it could be the text of. An address behind a caller's text is
// believed when the next line provably begins a record, or when no line that could be
// the record's end names another (gate.go). [json] escapes newlines, and needs none of
// this.
//
// Doubt ends where the record before can go on no longer. Asterisk writes something
// behind a caller's text: where no line up to the next record of a known thread ends
// so, the text ended with its line (extent.go). What messages without a rule can hold
// is known too (sayings.go), and which user names of AMI are our own (amiusers.go). A
// record that the logger cut has no end of its own, and stays in doubt.
//
// Newlines come in by IAX2 user names, responses and numbers, by user names of AMI over
// HTTP (/rawman), by chan_sip's Replaces header and accounts, by numbers that chan_sip,
// PJSIP and a dialplan's Log() print, by 36 bytes of a PJSIP user, and by packets that
// are dumped. An ESC takes out what lies between it and the next m: it forges within
// the line in J1, C1 and C10. testdata/limits.tsv holds what one log alone cannot
// settle; jails compare channels, and witnesses of packets know better.
package parsers
