package asterisk

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"pjsip.conf": "[1001]\ntype=endpoint\n[1001-auth]\ntype=auth\nusername=1001\npassword=1001\n[1002]\ntype=auth\nusername=1002\npassword=k3Jx9vQ2mZ7wLp4t\n" +
			"[1003]\ntype=auth\nauth_type=md5\nmd5_cred=abc\nusername=1003\n[base](!)\ntype=auth\npassword=x\n[1004](base)\nusername=1004\npassword=Xy7#q\n",
		"sip.conf":       "[general]\nsecret=no\n[2001]\nsecret=sip2001\n[2002]\nsecret=1234\n[2003]\nsecret=\n[2004]\nsecret=84620175\n[2005]\nmd5secret=abc\n[2006]\nsecret=aaaaaaaaaaaa\n",
		"iax.conf":       "[trunk]\nsecret=Password ; a comment\n",
		"manager.conf":   "[admin]\nsecret=amp111\ndeny=0.0.0.0/0.0.0.0\npermit=127.0.0.1/255.255.255.0\n[ops]\nsecret=amp111\n",
		"ari.conf":       "[general]\nenabled=yes\n[app]\ntype=user\npassword=asterisk\n[two]\ntype=user\npassword_format=crypt\npassword=$6$x\n",
		"voicemail.conf": "[general]\nformat=wav\n[default]\n1001 => 1001,Ann\n1002 => 8264,Bob,b@example.net\n1003 => -1234,Cid\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, hashed, problems := Secrets(dir)
	var got []string
	for _, s := range list {
		got = append(got, fmt.Sprintf("%s %s %d %v", s.File, s.Account, s.Fault, s.Local))
	}
	want := []string{
		"pjsip.conf 1001 3 false", "pjsip.conf 1002 0 false", "pjsip.conf 1004 4 false",
		"sip.conf 2001 3 false", "sip.conf 2002 2 false", "sip.conf 2003 1 false", "sip.conf 2004 5 false", "sip.conf 2006 2 false",
		"iax.conf trunk 2 false", "manager.conf admin 2 true", "manager.conf ops 2 false", "ari.conf app 2 false",
		"voicemail.conf 1001 3 false", "voicemail.conf 1002 0 false", "voicemail.conf 1003 2 false",
	}
	if !slices.Equal(got, want) || hashed != 3 || len(problems) > 0 {
		t.Errorf("got\n%s\n%d hashed, %v, want\n%s", strings.Join(got, "\n"), hashed, problems, strings.Join(want, "\n"))
	}
}

func TestAdmits(t *testing.T) {
	for text, want := range map[string]bool{
		"": true, "permit=127.0.0.1/32": true, "deny=0.0.0.0/0 permit=127.0.0.1/32": false, "deny=0.0.0.0/0.0.0.0 permit=0.0.0.0/0.0.0.0": true,
		"permit=127.0.0.1/32 deny=0.0.0.0/0": false, "acl=office": false, "deny=198.51.100.0/24": false, "deny=0.0.0.0/0,::/0": false,
	} {
		var list []Setting
		for word := range strings.FieldsSeq(text) {
			key, value, _ := strings.Cut(word, "=")
			list = append(list, Setting{Key: key, Value: value})
		}
		if got := Admits(list); got != want {
			t.Errorf("got %v of %q, want %v", got, text, want)
		}
	}
}

func FuzzFault(f *testing.F) {
	f.Add("1001", "1001")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, secret, account string) {
		got := fault(secret, account)
		if (got == Empty) != (secret == "") || secret == account && secret != "" && got != Same {
			t.Errorf("got %v of %q for %q", got, secret, account)
		}
	})
}
