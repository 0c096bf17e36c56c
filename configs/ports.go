package configs

import (
	"fmt"
	"slices"
	"strings"

	"pbxjail/configs/hint"
	"pbxjail/configs/ports"
)

// PortWord is one item of a jail's ports: service, all, the name of a service, or
// a range of ports.
type PortWord struct {
	Word  string      // "service", "all", or the name of a service; "" is a range
	Range ports.Range // where Word is ""
}

const (
	byService = "service"
	allPorts  = "all"
)

func parsePortWord(text string) (w PortWord, err error) {
	if text == byService || text == allPorts || slices.Contains(ports.Services(), text) {
		return PortWord{Word: text}, nil
	}
	r, ok := ports.ParseRange(text)
	if !ok {
		return w, hint.New("write ports such as 5060, 5060/udp or 10000-20000/udp; or the word service (the ports of the attacked service); or the word all", quote(text)+" is not a port")
	}
	return PortWord{Range: r}, nil
}

func parseSpan(text string) (ports.Range, error) {
	r, ok := ports.ParseRange(text)
	if !ok {
		return r, hint.New("write a port such as 5060, 5060/udp or 10000-20000/udp", quote(text)+" is not a port")
	}
	return r, nil
}

// ClosesService reports whether a ban closes the ports of what was attacked. If not, Closes
// says which ones.
func (j *Jail) ClosesService() bool {
	return len(j.Ports) == 0 || j.Ports[0].Word == byService
}

// Closes returns the ports that the jail names, or every port if it names none.
func (j *Jail) Closes() ports.Set {
	var ranges []ports.Range
	var words []string
	for _, w := range j.Ports {
		switch w.Word {
		case byService, allPorts:
			return ports.All
		case "":
			ranges = append(ranges, w.Range)
		default:
			words = append(words, w.Word)
		}
	}
	if list := ports.ListOf(ranges); list != ports.All {
		words = append(words, string(list))
	}
	s, err := ports.Parse(strings.Join(words, ","))
	if err != nil { // validate has refused it
		return ports.All
	}
	return s
}

func (j *Jail) validatePorts(d *decoder) {
	for i, w := range j.Ports {
		if len(j.Ports) > 1 && (w.Word == byService || w.Word == allPorts) {
			d.fault(fmt.Sprintf("ports[%d]", i), "write only this word: ports: "+w.Word, "%s cannot be together with other ports", w.Word)
		}
	}
	if len(j.Ports) > maxPortSlots {
		d.fault("ports", "write ranges such as 5060-5080 in place of single ports", "too many ports and ranges: %d, the limit is %d", len(j.Ports), maxPortSlots)
	}
}
