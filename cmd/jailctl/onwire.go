package main

import (
	"fmt"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/show"
)

// onWire is the state of the sensor in one line.
func (a *app) onWire(w control.Wire) string {
	switch {
	case !w.Enabled:
		return "off; logs cannot be checked against packets"
	case w.Problem != "":
		return "NOT READ: " + w.Problem
	case w.Complete == nil:
		return "not read yet"
	}
	text := fmt.Sprintf("%d packets read, %s, complete for %s", w.Packets, show.Count(int(w.Events), "event"), show.Brief(a.now().Sub(*w.Complete)))
	if w.Dropped+w.Sampled > 0 {
		text += fmt.Sprintf("; missed %d because a buffer was full, %d because of wire.limit", w.Dropped, w.Sampled)
	}
	if w.Forged > 0 {
		text += fmt.Sprintf("; %s of logs matched no packet", show.Count(int(w.Forged), "record"))
	}
	return text
}

// sees is what doctor says of the sensor. Why it does not read is a problem of the daemon,
// which is in the list already.
func (a *app) sees(w control.Wire) []finding {
	switch {
	case !w.Enabled:
		return []finding{well("wire", "it is switched off: logs are not checked against packets")}
	case w.Problem != "":
		return nil
	}
	return []finding{well("wire", "%s", a.onWire(w))}
}
