// Package cdr reads call records of Asterisk (CDR) that are written as text: cdr_csv, and
// cdr_custom in the form that Asterisk ships. The daemon gives it the lines of such a file; it
// returns the calls. It is a leaf.
//
// It must never take a part of a caller's text for a record, or for an account. Both modules
// put texts into quotes and double each quote inside (asterisk:cdr/cdr_csv.c append_string,
// asterisk:funcs/func_strings.c CSV_QUOTE), and a text can hold a newline, which a caller can
// write as %0A into a SIP URI. So a record ends only at a newline outside of quotes, and a
// field is read only if it has quotes at both ends and nothing beside them.
//
// Which fields can be trusted: channel is written by Asterisk, TECHNOLOGY/NAME-NUMBER, and NAME
// is the endpoint or peer that Asterisk let make the call (asterisk:channels/chan_pjsip.c
// chan_pjsip_new). accountcode comes from its configuration or from the dialplan. dst, clid,
// src and userfield have text of the caller: dst is read as a number and nothing else, and the
// others are skipped.
package cdr

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The fields of a record as cdr_csv writes them (asterisk:cdr/cdr_csv.c build_csv_record), and
// as cdr_custom.conf has them. cdr_csv adds uniqueid and userfield where cdr.conf says so.
var (
	FieldsOfCSV    = strings.Fields("accountcode src dst dcontext clid channel dstchannel lastapp lastdata start answer end duration billsec disposition amaflags")
	fieldsOfCustom = strings.Fields("clid src dst dcontext channel dstchannel lastapp lastdata start answer end duration billsec disposition amaflags accountcode uniqueid userfield")
)

const (
	// MaxRecord bounds a record, in bytes: cdr_csv writes up to 1024 (its csvbuf), cdr_custom up
	// to what a line of its configuration gives.
	MaxRecord = 16 << 10
	maxFields = 64
)

// Call is a call of a record. Its texts are copies.
type Call struct {
	Channel string
	Account string // the endpoint or peer of Channel; "": a channel of the dialplan itself (Local)
	Group   string // accountcode
	Number  string // as dialled: text of the caller
	Dial    string // what Dial was given last, such as PJSIP/00972@trunk; "": the last application was another
	Dest    string // the account of the channel that was called; ""
	Rings   bool   // the record tells what was called: Dial and Dest mean something
	Began   time.Time
	Ended   time.Time
	Talk    time.Duration // while it was answered
}

// Reader reads the records of one file. The zero value is not usable: New makes it. It is for
// one goroutine.
type Reader struct {
	fields []string // nil: found by what a record looks like
	zone   *time.Location
	held   []byte // a record that goes on in the next line
	bad    uint64
	good   uint64
}

// New makes a Reader of records with these fields; nil: as Asterisk ships them. zone is that
// of times, which have none.
func New(fields []string, zone *time.Location) *Reader { return &Reader{fields: fields, zone: zone} }

// Counts are how many records were read, and how many could not be.
func (r *Reader) Counts() (good, bad uint64) { return r.good, r.bad }

// Lines reads lines, each ended by a newline, and calls each with every call. cut says that
// the line is not whole.
func (r *Reader) Lines(data []byte, cut bool, each func(Call)) {
	for len(data) > 0 {
		n := bytes.IndexByte(data, '\n') + 1
		if n == 0 {
			n = len(data)
		}
		r.line(data[:n], cut, each)
		data = data[n:]
	}
}

func (r *Reader) line(line []byte, cut bool, each func(Call)) {
	if cut || len(r.held)+len(line) > MaxRecord {
		// What follows may be the middle of a text: it is read from the next line on that is a
		// whole record by itself.
		r.held = r.held[:0]
		r.bad++
		return
	}
	if len(r.held) > 0 {
		r.held = append(r.held, line...)
		if bytes.Count(r.held, quote)%2 != 0 {
			if c, ok := r.record(line); ok { // the file was read from the middle of a record on
				r.held = r.held[:0]
				r.bad++
				each(c)
			}
			return
		}
		line = slices.Clone(r.held)
		r.held = r.held[:0]
	} else if bytes.Count(line, quote)%2 != 0 {
		r.held = append(r.held, line...)
		return
	}
	if c, ok := r.record(line); ok {
		each(c)
	} else if len(bytes.TrimSpace(line)) > 0 {
		r.bad++
	}
}

var quote = []byte{'"'}

// record reads one record.
func (r *Reader) record(line []byte) (c Call, ok bool) {
	values, ok := split(bytes.TrimRight(line, "\r\n"))
	if !ok {
		return c, false
	}
	for _, fields := range r.forms(len(values)) {
		if c, ok = r.call(fields, values); ok {
			r.good++
			return c, true
		}
	}
	return c, false
}

// forms are the fields that so many values can be.
func (r *Reader) forms(n int) [][]string {
	switch {
	case r.fields != nil:
		if n != len(r.fields) {
			return nil
		}
		return [][]string{r.fields}
	case n >= len(FieldsOfCSV) && n <= len(FieldsOfCSV)+3: // and uniqueid, userfield, more of newer ones
		return [][]string{FieldsOfCSV, fieldsOfCustom[:min(n, len(fieldsOfCustom))]}
	}
	return nil
}

// call takes the values of a record as its fields.
func (r *Reader) call(fields []string, values []string) (c Call, ok bool) {
	var talk, whole int64 = -1, -1
	var app string
	for i, field := range fields {
		if i >= len(values) {
			break
		}
		v := values[i]
		switch field {
		case "channel":
			if c.Channel, c.Account, ok = channelOf(v); !ok {
				return c, false
			}
		case "accountcode":
			c.Group = v
		case "dst":
			c.Number = v
		case "dstchannel":
			_, c.Dest, _ = channelOf(v)
			c.Rings = true
		case "lastapp":
			app = v
		case "lastdata":
			c.Dial = v
		case "start":
			if c.Began, ok = r.time(v); !ok {
				return c, false
			}
		case "end":
			c.Ended, _ = r.time(v)
		case "billsec":
			talk = number(v)
		case "duration":
			whole = number(v)
		}
	}
	if app != "Dial" {
		c.Dial = ""
	}
	if c.Channel == "" || c.Began.IsZero() || talk < 0 {
		return c, false
	}
	if c.Ended.IsZero() {
		if whole < 0 {
			return c, false
		}
		c.Ended = c.Began.Add(time.Duration(whole) * time.Second)
	}
	c.Talk = time.Duration(talk) * time.Second
	return c, !c.Ended.Before(c.Began) && c.Talk <= c.Ended.Sub(c.Began)+time.Second
}

// channelOf takes the name of a channel apart: TECHNOLOGY/NAME-NUMBER, such as
// PJSIP/201-0000001a. Channels of the dialplan itself have no account.
func channelOf(v string) (channel, account string, ok bool) {
	tech, rest, ok := strings.Cut(v, "/")
	if !ok || tech == "" || strings.ContainsFunc(tech, func(c rune) bool { return !(c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9') }) {
		return "", "", false
	}
	at := strings.LastIndexByte(rest, '-')
	if at <= 0 || at+1 == len(rest) {
		return "", "", false
	}
	for _, c := range rest { // no name of an endpoint has such bytes
		if c < '!' || c > '~' || c == '"' || c == ',' {
			return "", "", false
		}
	}
	if tech == "Local" {
		return v, "", true
	}
	return v, rest[:at], true
}

// AccountOf is the account of a channel; "" if it has none.
func AccountOf(channel string) string {
	_, account, _ := channelOf(channel)
	return account
}

const timeForm = "2006-01-02 15:04:05"

func (r *Reader) time(v string) (time.Time, bool) {
	if len(v) < len(timeForm) { // cdr_custom can write parts of a second
		return time.Time{}, false
	}
	t, err := time.ParseInLocation(timeForm, v[:len(timeForm)], r.zone)
	return t, err == nil
}

// number reads seconds; -1: there are none.
func number(v string) int64 {
	v, _, _ = strings.Cut(v, ".")
	n, err := strconv.ParseUint(v, 10, 31)
	if err != nil {
		return -1
	}
	return int64(n)
}

// split takes a record apart. A field is in quotes, each quote inside doubled; only a number or
// a time may go without. A text without quotes may be a line of a longer text of a caller.
func split(line []byte) (values []string, ok bool) {
	for {
		if len(values) == maxFields {
			return nil, false
		}
		if len(line) > 0 && line[0] == '"' {
			value, n := quoted(line)
			if n == 0 {
				return nil, false
			}
			values, line = append(values, value), line[n:]
			if len(line) == 0 {
				return values, true
			}
			if line[0] != ',' {
				return nil, false
			}
			line = line[1:]
			continue
		}
		value, rest, more := bytes.Cut(line, []byte{','})
		if bytes.ContainsFunc(value, notNumber) {
			return nil, false
		}
		values, line = append(values, string(value)), rest
		if !more {
			return values, true
		}
	}
}

func notNumber(c rune) bool {
	return !(c >= '0' && c <= '9' || c == '.' || c == ':' || c == '-' || c == ' ')
}

// quoted reads a field in quotes, and returns its length with them; 0: it does not end.
func quoted(line []byte) (value string, n int) {
	var b []byte
	for i := 1; i < len(line); i++ {
		switch {
		case line[i] != '"':
			b = append(b, line[i])
		case i+1 < len(line) && line[i+1] == '"':
			b = append(b, '"')
			i++
		default:
			return string(b), i + 1
		}
	}
	return "", 0
}
