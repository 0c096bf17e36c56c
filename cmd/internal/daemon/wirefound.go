package daemon

import "pbxjail/parsers"

// findings are events with their texts. Who hears one copies what it keeps of it.
type findings struct {
	events []parsers.Event
	text   []byte // of all the events
}

// mostSpare is how many events of a packet may be before their memory is given up.
const mostSpare = 64

func (f *findings) keep(e *parsers.Event) {
	f.events = append(f.events, *e)
	k := &f.events[len(f.events)-1]
	for _, t := range [...]*parsers.Text{&k.Account, &k.Number, &k.Agent, &k.Session, &k.Challenge, &k.Line} {
		from := len(f.text)
		f.text = append(f.text, t.Raw()...)
		*t = parsers.TextOf(f.text[from:len(f.text):len(f.text)])
	}
}
