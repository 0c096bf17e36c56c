package kernel

import (
	"errors"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Members calls yield for each member of a set of prefixes of this length.
func (v *NftReader) Members(family uint8, table, set string, bits int, yield func(Member)) error {
	ask := Attr(nil, nftaElemsTable, nl.ZeroTerminated(table)...)
	ask = Attr(ask, nftaElemsSet, nl.ZeroTerminated(set)...)
	v.mu.Lock()
	defer v.mu.Unlock()
	err := v.ask(unix.NFT_MSG_GETSETELEM, family, unix.NLM_F_DUMP, ask, func(_ uint8, msg []byte) {
		for kind, list := range Attrs(msg) {
			if kind != nftaElemsList {
				continue
			}
			for _, element := range Attrs(list) {
				if m := parseElement(element, bits); m.Prefix.IsValid() {
					yield(m)
				}
			}
		}
	})
	if errors.Is(err, nl.ErrDumpInterrupted) || errors.Is(err, unix.ENOENT) { // possibly incomplete, while others write; no such set
		err = nil
	}
	return err
}

// Element looks one address up in a set. found is false where it is not in it, or where
// there is no such set.
func (v *NftReader) Element(family uint8, table, set string, a netip.Addr) (m Member, found bool, err error) {
	ask := Attr(nil, nftaElemsTable, nl.ZeroTerminated(table)...)
	ask = Attr(ask, nftaElemsSet, nl.ZeroTerminated(set)...)
	ask = Nested(ask, nftaElemsList, func(b []byte) []byte {
		return Nested(b, nftaElemsElem, func(b []byte) []byte {
			return Nested(b, nftaElemKey, func(b []byte) []byte { return Attr(b, nftaDataValue, a.AsSlice()...) })
		})
	})
	req := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_GETSETELEM, 0)
	req.AddRawData(append([]byte{family, nl.NFNETLINK_V0, 0, 0}, ask...))
	v.mu.Lock()
	defer v.mu.Unlock()
	body, err := exchange(v.socket.GetFd(), req, make([]byte, 1024))
	if errors.Is(err, unix.ENOENT) {
		return m, false, nil
	}
	if err != nil || len(body) < nl.SizeofNfgenmsg {
		return m, false, err
	}
	for kind, list := range Attrs(body[nl.SizeofNfgenmsg:]) {
		if kind != nftaElemsList {
			continue
		}
		for _, element := range Attrs(list) {
			m = parseElement(element, a.BitLen())
		}
	}
	return m, m.Prefix.IsValid(), nil
}

func parseElement(data []byte, bits int) (m Member) {
	var timed bool
	for kind, value := range Attrs(data) {
		switch kind {
		case nftaElemKey:
			for kind, value := range Attrs(value) {
				if a, ok := netip.AddrFromSlice(value); ok && kind == nftaDataValue {
					m.Prefix = netip.PrefixFrom(a, bits)
				}
			}
		case nftaElemTimeout:
			timed = Number(value) > 0
		case nftaElemExpires: // milliseconds
			m.Seconds = uint32(min((Number(value)+999)/1000, uint64(MaxTimeout/time.Second)))
		case nftaElemExpr:
			for kind, value := range Attrs(value) {
				if kind == nftaExprData {
					m.Packets, m.Bytes = parseCounter(value)
				}
			}
		}
	}
	if timed && m.Seconds == 0 { // in its last moment, not without end
		m.Seconds = 1
	}
	return m
}

func parseCounter(data []byte) (packets, bytes uint64) {
	for kind, value := range Attrs(data) {
		switch kind {
		case nftaCounterPkts:
			packets = Number(value)
		case nftaCounterBytes:
			bytes = Number(value)
		}
	}
	return packets, bytes
}
