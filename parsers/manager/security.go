package manager

import (
	"bytes"

	"pbxjail/parsers"
)

// unguarded is why events charge no address where Asterisk does not leave out forged ones.
const unguarded = "the user of pbxjail in manager.conf may not set a filter (write = system), so a caller may have forged this event"

// Security fills e from a security event that Read took apart, and reports whether the packet
// is one. guarded says that a packet is one event (ami.State.Guarded); else the event charges
// no address, and protects none. line is memory for the words of the event, and is returned
// as it has grown; e is valid as long as line and the packet.
func (m *Message) Security(e *parsers.Event, guarded bool, line []byte) (_ []byte, ok bool) {
	name := m.Event()
	fields := m.fields
	from := -1
	for i := range fields {
		if string(fields[i].Key) == "EventTV" {
			from = i
			break
		}
	}
	if name == "" || from < 0 || !m.isSecurity(from) {
		return line, false
	}
	*e = parsers.Event{}
	if !parsers.SecurityEvent(fields[0].Value, fields[from:], e) {
		return line, false
	}
	if m.doubt && e.Result != parsers.Ambiguous {
		e.Result, e.Doubt, e.Suspect = parsers.Ambiguous, "a line of the event is none that Asterisk writes", true
	}
	if !guarded {
		e.Result, e.Doubt, e.Suspect = parsers.Ambiguous, unguarded, true
	}
	if e.Suspect {
		e.Addr, e.Port = parsers.Event{}.Addr, 0
	}
	line = m.words(line[:0], from)
	e.Line = parsers.TextOf(line)
	return line, true
}

// isSecurity reports whether the lines before EventTV are those of a security event
// (asterisk:main/manager.c, __ast_manager_event_multichan). No caller writes one of them.
func (m *Message) isSecurity(from int) bool {
	for _, f := range m.fields[1:from] {
		switch string(f.Key) {
		case "Privilege":
			if !bytes.Equal(f.Value, []byte("security,all")) {
				return false
			}
		case "Timestamp", "SequenceNumber", "File", "Line", "Func", "SystemName":
		default:
			return false
		}
	}
	return true
}

// maxWords is how much of an event is kept as its words.
const maxWords = 2048

// words are the fields as the security log writes them, for people.
func (m *Message) words(line []byte, from int) []byte {
	line = append(append(append(line, `SecurityEvent="`...), m.fields[0].Value...), '"')
	for _, f := range m.fields[from:] {
		if len(line)+len(f.Key)+len(f.Value) > maxWords {
			break
		}
		line = append(append(append(append(append(line, ','), f.Key...), `="`...), f.Value...), '"')
	}
	return line
}
