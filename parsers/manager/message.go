package manager

import (
	"bytes"

	"pbxjail/parsers"
)

const (
	// maxFields is how many lines a packet may have: the events of a call have 40.
	maxFields = 128
	// maxText is how much is taken of a text that a caller wrote.
	maxText = 256
)

// Field is one line of a packet. Key and Value are parts of the packet.
type Field = parsers.SecurityField

// Message is one packet, taken apart. The zero value is ready for Read; it reuses its memory.
type Message struct {
	fields []Field
	doubt  bool // a line is none that Asterisk writes, or there are too many
}

var lineEnd = []byte("\r\n")

// Read takes a packet apart: lines of "Key: value", each ended with CR and LF. What it cannot
// read makes the message doubtful. The message is valid as long as the packet.
func (m *Message) Read(packet []byte) {
	m.fields, m.doubt = m.fields[:0], false
	for len(packet) > 0 {
		line, rest, ended := bytes.Cut(packet, lineEnd)
		packet = rest
		key, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || !ended || bytes.ContainsAny(line, "\r\n") {
			m.doubt = true
			continue
		}
		if len(m.fields) == maxFields { // the last line of an event is Asterisk's own: it is kept
			m.doubt = true
			m.fields = m.fields[:maxFields-1]
		}
		m.fields = append(m.fields, Field{Key: key, Value: bytes.TrimPrefix(value, []byte(" "))})
	}
}

// Event is what the packet reports; "" for one that reports nothing.
func (m *Message) Event() string {
	if len(m.fields) == 0 || string(m.fields[0].Key) != "Event" {
		return ""
	}
	return string(m.fields[0].Value)
}

// value is the value of the only line with a key. Where there are two, a caller may have
// written one of them: that makes the message doubtful, and the first one counts.
func (m *Message) value(key string) []byte {
	var found []byte
	times := 0
	for i := range m.fields {
		if string(m.fields[i].Key) != key {
			continue
		}
		if times++; times == 1 {
			found = m.fields[i].Value
		} else {
			m.doubt = true
		}
	}
	return found
}

// last is the value of the last line with a key.
func (m *Message) last(key string) []byte {
	for i := len(m.fields) - 1; i >= 0; i-- {
		if string(m.fields[i].Key) == key {
			return m.fields[i].Value
		}
	}
	return nil
}

// first is the value of the line with a key that comes right after the lines that Asterisk
// writes before all events and parts of lists; nil: another line comes there. No caller writes
// a line before it.
func (m *Message) first(key string) []byte {
	for _, f := range m.fields {
		switch string(f.Key) {
		case "Event", "ActionID", "Privilege", "Timestamp", "SequenceNumber", "File", "Line", "Func", "SystemName":
		case key:
			return f.Value
		default:
			return nil
		}
	}
	return nil
}

// repeats reports whether two lines have one key: a caller may have written one of them.
// Asterisk itself writes only lines with a variable of a channel more than once.
func (m *Message) repeats() bool {
	for i, f := range m.fields {
		if bytes.HasSuffix(f.Key, []byte("ChanVariable")) {
			continue
		}
		for _, other := range m.fields[:i] {
			if bytes.Equal(other.Key, f.Key) {
				return true
			}
		}
	}
	return false
}

// text is a value as text, as much of it as is taken.
func text(b []byte) parsers.Text { return parsers.TextOf(b[:min(len(b), maxText)]) }
