package sensor_test

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"pbxjail/parsers"
	"pbxjail/parsers/sensor"
)

// A Sensor makes events of requests and of what Asterisk answered.
func ExampleSensor() {
	s := sensor.New(sensor.Options{})
	pbx, caller := netip.MustParseAddrPort("192.0.2.10:5060"), netip.MustParseAddrPort("203.0.113.9:5060")
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	emit := func(e *parsers.Event) { fmt.Println(e.Result, e.Kind, e.Addr) }
	for _, account := range []string{"201", "202"} {
		headers := strings.ReplaceAll("Via: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bKN\r\nFrom: <sip:N@pbx>;tag=N\r\nTo: <sip:N@pbx>;tag=a\r\nCall-ID: N\r\nCSeq: 1 REGISTER\r\n\r\n", "N", account)
		request := strings.Replace(headers, ";tag=a", "", 1)
		s.Packet(&sensor.Packet{Time: at, Src: caller, Dst: pbx, Data: []byte("REGISTER sip:pbx SIP/2.0\r\n" + request)}, emit)
		s.Packet(&sensor.Packet{Time: at, Src: pbx, Dst: caller, Out: true, Data: []byte("SIP/2.0 404 Not found\r\n" + headers)}, emit)
	}
	// Output:
	// offence unknown-account 203.0.113.9
	// offence unknown-account 203.0.113.9
}
