package store

import (
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"pbxjail/jails/home"
	"pbxjail/parsers"
)

func homeOf(a, account string, last time.Time) home.Home {
	addr := netip.MustParseAddr(a)
	return home.Home{
		Addr: addr, Latest: addr, Account: account, Service: parsers.PJSIP, Witness: parsers.ChannelWire, First: last.Add(-time.Hour), Last: last, Times: 7,
	}
}

func TestHomesAreKept(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path)
	at := time.Date(2026, 3, 5, 6, 0, 0, 0, time.UTC)
	want := []home.Home{homeOf("203.0.113.50", "10\xff1", at), homeOf("2001:db8::", "101", at.Add(-time.Minute))}
	if err := s.SaveHomes(append([]home.Home{homeOf("203.0.113.50", "10\xff1", at.Add(-time.Hour))}, want...)); err != nil {
		t.Fatal(err)
	}
	alarm := home.Guessed{Account: "201", Addr: netip.MustParseAddr("203.0.113.91"), Service: parsers.SIP, Guesses: 6, At: at}
	other := alarm
	other.Account = "202"
	if err := s.SaveAlarms([]home.AlarmChange{{Guessed: alarm}, {Guessed: other}}); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveAlarms([]home.AlarmChange{{Guessed: other, Seen: true}}); err != nil {
		t.Fatal(err)
	}
	born, err := s.Born()
	if err != nil || time.Since(born) > time.Hour || born.After(time.Now()) {
		t.Errorf("got born %v, %v", born, err)
	}
	s.Close()
	again, _, err := Open(path, at)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	homes, alarms, err := again.Homes(10)
	if err != nil || !reflect.DeepEqual(homes, want) || !reflect.DeepEqual(alarms, []home.Guessed{alarm}) {
		t.Errorf("got %+v\n%+v\n%v", homes, alarms, err)
	}
	if one, _, _ := again.Homes(1); !reflect.DeepEqual(one, want[:1]) {
		t.Errorf("got %+v, want the latest", one)
	}
	if later, err := again.Born(); err != nil || !later.Equal(born) {
		t.Errorf("got born %v, %v, want %v", later, err, born)
	}
}

func TestHomesAreBounded(t *testing.T) {
	s := openStore(t, newPath(t))
	s.limits.homes, s.limits.alarms = 10, 3
	at := time.Date(2026, 3, 5, 6, 0, 0, 0, time.UTC)
	for i := range 40 {
		last := at.Add(time.Duration(i) * time.Minute)
		h := homeOf("203.0.113.50", fmt.Sprint(i), last)
		if err := s.SaveHomes([]home.Home{h}); err != nil {
			t.Fatal(err)
		}
		if err := s.SaveAlarms([]home.AlarmChange{{Guessed: home.Guessed{Account: h.Account, Addr: h.Addr, Service: h.Service, At: last}}}); err != nil {
			t.Fatal(err)
		}
	}
	homes, alarms, err := s.Homes(100)
	if err != nil || len(homes) != 11 || homes[0].Account != "39" || len(alarms) != 4 {
		t.Errorf("got %d homes, %d alarms, %v, want the latest", len(homes), len(alarms), err)
	}
	if err := s.Trim(at.Add(36*time.Minute), Keep{LogIns: time.Minute}); err != nil {
		t.Fatal(err)
	}
	if homes, _, _ := s.Homes(100); len(homes) != 5 {
		t.Errorf("got %d homes, want those of the last minutes", len(homes))
	}
}
