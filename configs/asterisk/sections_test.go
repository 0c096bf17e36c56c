package asterisk

import (
	"fmt"
	"testing"
)

func TestSections(t *testing.T) {
	dir := etc(t, "sip.conf", "[general]\nAllowGuest = no ; closed\nsecret=1\n#include more.conf\n[phone](!)\ncontext=a\n[201](phone)\ncontext=b\n",
		"more.conf", "allowguest=yes\n")
	list, problems := Sections(dir, "sip.conf", "allowguest", "context")
	if len(list) != 3 || problems != nil {
		t.Fatalf("got %+v, %v", list, problems)
	}
	last, found := list[0].Last("allowguest")
	if got, want := fmt.Sprint(found, last.Value, last.At), fmt.Sprint(true, "yes", Place{dir + "/more.conf", 1}); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, found := list[0].Last("secret"); found {
		t.Error("a password is kept")
	}
	if last, _ := list[2].Last("context"); last.Value != "b" || !list[1].Template || len(list[2].Settings) != 2 {
		t.Errorf("got %+v", list)
	}
	if list, problems := Sections(dir, "iax.conf", "x"); list != nil || problems != nil {
		t.Errorf("got %v, %v of a file that is not there", list, problems)
	}
}

func TestDialplan(t *testing.T) {
	dir := etc(t, "extensions.conf", "[globals]\nTRUNK=PJSIP/up\n[in]\nexten => _X.,1,System(echo a\\;b) ; c\n same => n,Hangup()\n")
	list, problems := Dialplan(dir)
	if len(list) != 2 || problems != nil {
		t.Fatalf("got %+v, %v", list, problems)
	}
	if got, want := fmt.Sprint(list[0].Settings[0].Key, list[1].Settings[0].Value, list[1].Settings[1].At.Line), "TRUNK_X.,1,System(echo a;b)5"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
