package lab

import (
	"encoding/binary"
	"net/netip"
	"testing"
)

func FuzzReadFrame(f *testing.F) {
	f.Add([]byte("\x80\x07\x00\x02\x00\x00\x00\x03\x00\x01\x06\x0e\x0f\x04abcd"))
	f.Add([]byte("\x80\x07\x00\x02\x00\x00\x00\x03\x00\x01\x06\x28\x36\xffabcd"))
	f.Fuzz(func(t *testing.T, packet []byte) {
		frame, ok := readFrame(packet)
		size := 0
		for _, value := range frame.elements {
			size += len(value)
		}
		if ok && (size > len(packet) || frame.call&iaxFull != 0) {
			t.Errorf("got %+v of %d bytes", frame, len(packet))
		}
	})
}

func TestReadFrame(t *testing.T) {
	got, ok := readFrame([]byte("\x80\x07\x00\x02\x00\x00\x00\x03\x00\x01\x06\x0e\x0f\x04abcd\x06\x011"))
	if !ok || got.subclass != iaxRegAuth || got.call != 7 || got.elements[ieChallenge] != "abcd" || got.elements[ieUser] != "1" {
		t.Errorf("got %+v, %t", got, ok)
	}
}

// packet4 is what arrives at the PBX over UDP.
func packet4(from, to netip.Addr, port uint16) []byte {
	packet := make([]byte, 28)
	packet[0], packet[9] = 0x45, 17
	copy(packet[12:], from.AsSlice())
	copy(packet[16:], to.AsSlice())
	binary.BigEndian.PutUint16(packet[22:], port)
	return packet
}

func TestArrived(t *testing.T) {
	w := &Wire{ignore: 5999}
	attacker := netip.MustParseAddr("198.51.100.7")
	six := make([]byte, 48)
	six[0] = 0x60
	copy(six[8:], netip.MustParseAddr("2001:db8:a1::7").AsSlice())
	copy(six[24:], PBX6.AsSlice())
	for name, c := range map[string]struct {
		packet []byte
		want   string // "": not counted
	}{
		"to the PBX":     {packet4(attacker, PBX4, Port), "198.51.100.7"},
		"to the PBX, v6": {six, "2001:db8:a1::7"},
		"a probe":        {packet4(attacker, PBX4, 5999), ""},
		"from the PBX":   {packet4(PBX4, attacker, Port), ""},
		"cut":            {packet4(attacker, PBX4, Port)[:22], ""},
		"nothing":        {nil, ""},
	} {
		from, ok := w.arrived(c.packet)
		if ok != (c.want != "") || ok && from.String() != c.want {
			t.Errorf("%s: got %s, %t, want %q", name, from, ok, c.want)
		}
	}
}

func FuzzArrived(f *testing.F) {
	f.Add(packet4(netip.MustParseAddr("198.51.100.7"), PBX4, Port))
	f.Fuzz(func(t *testing.T, packet []byte) {
		if from, ok := (&Wire{}).arrived(packet); ok && !from.IsValid() {
			t.Error("somebody without an address")
		}
	})
}
