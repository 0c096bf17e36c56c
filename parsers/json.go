package parsers

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// jsonRecord is what the [json] formatter writes: asterisk:main/logger.c,
// format_log_json.
type jsonRecord struct {
	Timestamp   string `json:"timestamp"`
	Identifiers struct {
		LWP int64 `json:"lwp"`
	} `json:"identifiers"`
	LogMsg struct {
		Location struct {
			Filename string `json:"filename"`
			Function string `json:"function"`
			Line     int    `json:"line"`
		} `json:"location"`
		Level   string `json:"level"`
		Message string `json:"message"`
	} `json:"logmsg"`
}

// jsonLevels are the levels worth decoding. The sender's quotes are escaped in a
// JSON log, so he cannot write these.
var jsonLevels = [][]byte{
	[]byte(`"level":"NOTICE"`), []byte(`"level":"SECURITY"`), []byte(`"level":"WARNING"`), []byte(`"level":"ERROR"`),
	[]byte(`"level":"VERBOSE"`),
}

// parseJSON reads a record of a [json] log. Its message may hold newlines: they
// are inside the record here, and harmless.
func parseJSON(line []byte, r *record) bool {
	found := false
	for _, l := range jsonLevels {
		found = found || bytes.Contains(line, l)
	}
	if !found {
		return false
	}
	var j jsonRecord
	if json.Unmarshal(line, &j) != nil {
		return false
	}
	r.stamp = []byte(j.Timestamp)
	r.name = []byte(j.LogMsg.Level)
	if r.level = levelOf(r.name); len(r.name) == 0 {
		r.level = levelNone
	}
	r.lwp, r.call, r.whole, r.kind, r.outer, r.keyed = nil, nil, true, plainLine, nil, false
	if j.Identifiers.LWP > 0 {
		r.lwp = strconv.AppendInt(nil, j.Identifiers.LWP, 10)
	}
	r.file, r.fn = []byte(j.LogMsg.Location.Filename), []byte(j.LogMsg.Location.Function)
	r.msg = bytes.TrimSuffix([]byte(j.LogMsg.Message), []byte("\n"))
	return r.level != levelNone
}
