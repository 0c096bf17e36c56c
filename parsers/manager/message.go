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
		if !ok || !ended || len(m.fields) == maxFields || bytes.ContainsAny(line, "\r\n") {
			m.doubt = true
			continue
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

// text is a value as text, as much of it as is taken.
func text(b []byte) parsers.Text { return parsers.TextOf(b[:min(len(b), maxText)]) }
