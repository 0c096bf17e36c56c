package feeds

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"pbxjail/configs/hint"
)

// text reads a line an entry: blocklist.de, voipbl, DROP of Spamhaus, and most
// others. What follows #, ; or // is a comment, the first column counts.
func (r *reader) text(data []byte) error {
	for raw := range bytes.Lines(data) {
		r.Lines++
		line := string(bytes.TrimSpace(raw[:min(len(raw), maxLine)]))
		if i := strings.IndexAny(line, "#;"); i >= 0 {
			line = line[:i]
		}
		line, _, _ = strings.Cut(line, "//")
		if len(raw) > maxLine && line != "" {
			r.refuse(r.Lines, note(line, errors.New("is the beginning of a line that is too long")))
			continue
		}
		if line = firstColumn(line); line == "" {
			continue
		}
		if err := r.entry(r.Lines, line); err != nil {
			return err
		}
	}
	return nil
}

// firstColumn ends at a blank or a comma, but for the blanks of "first - last".
func firstColumn(line string) string {
	f := strings.FieldsFunc(line, func(c rune) bool { return c == ' ' || c == '\t' || c == ',' || c == '\r' || c == '\n' })
	switch {
	case len(f) == 0:
		return ""
	case len(f) >= 3 && f[1] == "-":
		return f[0] + "-" + f[2]
	}
	return strings.Trim(f[0], `"'`)
}

const wrongFormat = "look at the list; then write its format below this feed in the main file: format: text, apiban or json-lines; then: jailctl reload"

// apiban reads {"ipaddress": ["192.0.2.1", ...], "ID": "..."}. Where there is
// nothing new, apiban.org writes a sentence in place of the addresses.
func (r *reader) apiban(data []byte) error {
	var answer struct {
		Addresses []string `json:"ipaddress"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return hint.Errorf(wrongFormat, "this is not an answer of apiban.org: %w", plain(err))
	}
	if answer.Addresses == nil {
		return hint.Errorf(wrongFormat, "this is not an answer of apiban.org: the key ipaddress is missing")
	}
	for i, a := range answer.Addresses {
		r.Lines++
		if err := r.entry(i+1, a); err != nil {
			return err
		}
	}
	return nil
}

// jsonLines reads {"cidr": "192.0.2.0/24", ...}, one a line: the newer DROP of
// Spamhaus. Its last line describes the list, and has no cidr.
func (r *reader) jsonLines(data []byte) error {
	for raw := range bytes.Lines(data) {
		r.Lines++
		if raw = bytes.TrimSpace(raw); len(raw) == 0 {
			continue
		}
		var line struct {
			CIDR string `json:"cidr"`
			Type string `json:"type"`
		}
		if len(raw) > maxLine {
			r.refuse(r.Lines, "the line is too long")
			continue
		}
		if err := json.Unmarshal(raw, &line); err != nil {
			r.refuse(r.Lines, note(string(raw), plain(err)))
			continue
		}
		if line.CIDR == "" && line.Type != "" {
			continue
		}
		if err := r.entry(r.Lines, line.CIDR); err != nil {
			return err
		}
	}
	return nil
}

// plain keeps the text of a feed out of an error of encoding/json.
func plain(err error) error {
	if _, ok := errors.AsType[*json.SyntaxError](err); ok {
		return errors.New("the text is not JSON")
	}
	return errors.New("the JSON has other keys than expected")
}
