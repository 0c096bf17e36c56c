package names

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// naptr is a record that says which name to ask for next: RFC 3403 4.1.
type naptr struct {
	flags, service, replacement string
}

const (
	typeNAPTR = dnsmessage.Type(35) // RFC 3403 4.1
	// maxRecords is how many NAPTR records of a name are followed.
	maxRecords = 8
	// maxServers is how many name servers are asked in turn: resolv.conf(5), MAXNS.
	maxServers    = 3
	serverTimeout = time.Second
	maxMessage    = 64 << 10
)

// system asks the resolver of this machine. That one knows no NAPTR, so the name servers
// are asked for those without it.
type system struct {
	*net.Resolver
	servers func() []netip.AddrPort // nil: none is asked for NAPTR
}

// LookupNAPTR asks the name servers in turn. No record is no error.
func (s system) LookupNAPTR(ctx context.Context, name string) (list []naptr, err error) {
	if s.servers == nil {
		return nil, nil
	}
	id := uint16(rand.Uint32())
	query, err := question(id, name)
	if err != nil {
		return nil, err
	}
	servers := s.servers()
	for _, server := range servers[:min(len(servers), maxServers)] {
		var answer []byte
		if answer, err = exchange(ctx, "udp", server, id, query); err == nil {
			var cut bool
			list, cut, err = readNAPTR(answer, query)
			if err == nil && cut {
				if answer, err = exchange(ctx, "tcp", server, id, query); err == nil {
					list, _, err = readNAPTR(answer, query)
				}
			}
		}
		if err == nil {
			return list, nil
		}
		err = fmt.Errorf("cannot ask %s for the NAPTR record of %s: %w", server, name, err)
	}
	return nil, err
}

// question is a message that asks for the NAPTR records of a name.
func question(id uint16, name string) ([]byte, error) {
	n, err := dnsmessage.NewName(strings.TrimSuffix(name, ".") + ".")
	if err != nil {
		return nil, err
	}
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: n, Type: typeNAPTR, Class: dnsmessage.ClassINET}},
	}
	return m.Pack()
}

// exchange sends a query and returns the answer with its number. The socket is connected:
// the kernel drops what others send.
func exchange(ctx context.Context, network string, server netip.AddrPort, id uint16, query []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, serverTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, network, server.String())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	if network == "tcp" {
		query = append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)
	}
	if _, err := conn.Write(query); err != nil {
		return nil, err
	}
	answer := make([]byte, maxMessage)
	for {
		n := 0
		if network == "tcp" {
			n, err = readStream(conn, answer)
		} else {
			n, err = conn.Read(answer)
		}
		if err != nil {
			return nil, err
		}
		if n >= 2 && binary.BigEndian.Uint16(answer) == id { // else it answers something else
			return answer[:n], nil
		}
	}
}

// readStream reads one message that follows its length: RFC 1035 4.2.2.
func readStream(from io.Reader, into []byte) (int, error) {
	if _, err := io.ReadFull(from, into[:2]); err != nil {
		return 0, err
	}
	return io.ReadFull(from, into[:binary.BigEndian.Uint16(into)])
}

var errOther = errors.New("the name server sent an answer to another question")

// readNAPTR reads the answer to a query. cut: there is more, over TCP.
func readNAPTR(answer, query []byte) (list []naptr, cut bool, err error) {
	var asked, p dnsmessage.Parser
	if _, err := asked.Start(query); err != nil {
		return nil, false, err
	}
	want, err := asked.Question()
	if err != nil {
		return nil, false, err
	}
	head, err := p.Start(answer)
	if err != nil {
		return nil, false, err
	}
	got, err := p.Question()
	if err != nil || !head.Response || got.Type != want.Type || got.Class != want.Class || !strings.EqualFold(got.Name.String(), want.Name.String()) {
		return nil, false, errors.Join(errOther, err)
	}
	switch {
	case head.RCode == dnsmessage.RCodeNameError:
		return nil, false, nil
	case head.RCode != dnsmessage.RCodeSuccess:
		return nil, false, fmt.Errorf("the name server answers with the error %s", head.RCode)
	case head.Truncated:
		return nil, true, nil
	}
	if err := p.SkipAllQuestions(); err != nil {
		return nil, false, err
	}
	for len(list) < maxRecords {
		h, err := p.AnswerHeader()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			break
		}
		if err != nil {
			return nil, false, err
		}
		if h.Type != typeNAPTR || h.Class != dnsmessage.ClassINET {
			if err := p.SkipAnswer(); err != nil {
				return nil, false, err
			}
			continue
		}
		r, err := p.UnknownResource()
		if err != nil {
			return nil, false, err
		}
		if one, ok := parseNAPTR(r.Data); ok {
			list = append(list, one)
		}
	}
	return list, false, nil
}

// parseNAPTR reads order, preference, flags, service, regexp and replacement. The name at
// the end is never compressed: RFC 3403 4.1.
func parseNAPTR(data []byte) (n naptr, ok bool) {
	if len(data) < 4 {
		return n, false
	}
	data = data[4:]
	var regexp string
	for _, field := range []*string{&n.flags, &n.service, &regexp} {
		if len(data) == 0 || len(data) < 1+int(data[0]) {
			return n, false
		}
		*field, data = string(data[1:1+int(data[0])]), data[1+int(data[0]):]
	}
	var labels []string
	for len(data) > 0 {
		size := int(data[0])
		if size > 63 || len(data) < 1+size {
			return n, false
		}
		if size == 0 {
			n.replacement = strings.Join(labels, ".")
			return n, len(n.replacement) <= maxBytes
		}
		labels, data = append(labels, string(data[1:1+size])), data[1+size:]
	}
	return n, false
}
