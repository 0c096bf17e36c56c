package messages

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pbxjail/configs"
	"pbxjail/configs/hint"
)

// write makes a file with a secret.
func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// asked is a request that a server of a test got.
type asked struct {
	*http.Request
	body []byte
}

// serve is a server that answers with a status, and keeps the last request.
func serve(t *testing.T, status int) (url string, last func() asked) {
	t.Helper()
	got := make(chan asked, 100)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- asked{r, body}
		if status/100 == 3 {
			w.Header().Set("Location", "http://127.0.0.1:1/else")
		}
		w.WriteHeader(status)
		fmt.Fprintf(w, "you sent %s with %s", r.URL, r.Header.Get("Authorization"))
	}))
	t.Cleanup(s.Close)
	return s.URL, func() asked { return <-got }
}

// TestWebhook: the message is JSON, and its signature can be checked.
func TestWebhook(t *testing.T) {
	url, last := serve(t, 200)
	c := all("hook")
	c.URL, c.SecretFile = url+"/pbx", write(t, "key\n")
	m := evil()
	if err := senderOf(c).send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	r := last()
	var got Message
	if err := json.Unmarshal(r.body, &got); err != nil || got.ID != m.ID || got.Kind != Guessed || got.Severity != Critical || len(got.Items) != 1 {
		t.Errorf("got %v, %s", err, r.body)
	}
	if want := "sha256=" + sign("key", r.Header.Get("X-Pbxjail-Timestamp"), r.body); r.Header.Get("X-Pbxjail-Signature") != want {
		t.Errorf("got signature %q, want %q", r.Header.Get("X-Pbxjail-Signature"), want)
	}
	// RFC 4231 has no such case: computed with openssl dgst -sha256 -hmac key of "1.{}".
	if got := sign("key", "1", []byte("{}")); got != "1ba6b8171186efc613e8bcc0cbdab2748f24984d7c5a84faa2637afa0e40d224" {
		t.Errorf("got %s", got)
	}
}

// TestTemplate: text of an attacker stays inside its quotes, and is not filled again.
func TestTemplate(t *testing.T) {
	url, last := serve(t, 204)
	c := all("hook")
	c.URL, c.Template = url, `{"text": "{{text}}", "of": "{{ kind }} on {{host}}", "all": {{json}}}`
	var l lane
	l.keep(Item{Kind: Fraud, At: time.Now(), Times: 1, What: `a", "admin": true, "b": "{{json}} {{host}}`})
	m := l.message("pbx1", time.Now(), false)
	if err := senderOf(c).send(t.Context(), &m); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(last().body, &got); err != nil || len(got) != 3 || got["of"] != "fraud on pbx1" || !strings.Contains(got["text"].(string), "{{json}} {{host}}") {
		t.Errorf("got %v, %v", err, got)
	}
}

// TestChats: each chat gets its own form, and no text is a mention, a link or markup.
func TestChats(t *testing.T) {
	for kind, want := range map[string]string{
		"slack": "/hook", "teams": "/hook", "discord": "/hook", "ntfy": "/", "telegram": "/bottoken/sendMessage",
		"matrix": "/_matrix/client/v3/rooms/%21room:example.net/send/m.room.message/",
	} {
		t.Run(kind, func(t *testing.T) {
			url, last := serve(t, 200)
			c := all(kind)
			c.Type, c.URL, c.Chat = kind, url, "!room:example.net"
			if kind != "telegram" && kind != "matrix" {
				c.URL += "/hook"
			}
			if kind == "telegram" || kind == "matrix" || kind == "ntfy" {
				c.TokenFile = write(t, "token")
			}
			var l lane
			l.keep(Item{Kind: Guessed, Severity: Critical, At: time.Now(), Times: 1, What: "<!channel> @everyone ``` https://evil.example/ *x* <b>"})
			m := l.message("pbx1", time.Now(), false)
			if err := senderOf(c).send(t.Context(), &m); err != nil {
				t.Fatal(err)
			}
			r := last()
			if !strings.HasPrefix(r.URL.EscapedPath(), want) {
				t.Errorf("got path %s, want %s", r.URL.EscapedPath(), want)
			}
			var body map[string]any
			if err := json.Unmarshal(r.body, &body); err != nil {
				t.Fatalf("%v: %s", err, r.body)
			}
			text := string(r.body)
			if kind == "slack" {
				text = body["text"].(string)
			}
			for _, bad := range []string{"@everyone", "://evil", "evil```"} {
				if strings.Contains(text, bad) {
					t.Errorf("%q is in %s", bad, text)
				}
			}
			if kind == "slack" && strings.Contains(text, "<") {
				t.Errorf("a mention is in %s", text)
			}
			if kind == "ntfy" && (body["topic"] != "hook" || body["priority"] != 5.0 || r.Header.Get("Authorization") != "Bearer token") {
				t.Errorf("got %v", body)
			}
		})
	}
}

// TestWebFails: no answer shows a secret, no redirect is followed, and all have a hint.
func TestWebFails(t *testing.T) {
	for _, status := range []int{302, 400, 401, 404, 413, 429, 500, 503} {
		url, last := serve(t, status)
		c := all("chat")
		c.Type, c.URL, c.Chat, c.TokenFile = "telegram", url, "1", write(t, "123:very-secret-token")
		err := senderOf(c).send(t.Context(), evil())
		last()
		if err == nil || hint.Of(err) == "" || !strings.Contains(err.Error(), fmt.Sprint(status)) {
			t.Errorf("%d: got %v", status, err)
		}
		if _, is := err.(refusal); is != (status == 400 || status == 413) {
			t.Errorf("%d: got a refusal of the text: %t", status, is)
		}
		if strings.Contains(fmt.Sprint(err, hint.Of(err)), "very-secret") {
			t.Errorf("%d: %v shows the secret", status, err)
		}
	}
	c := all("slack")
	c.Type, c.URLFile = "slack", write(t, "http://127.0.0.1:1/services/very-secret-path")
	if err := senderOf(c).send(t.Context(), evil()); err == nil || strings.Contains(fmt.Sprint(err, hint.Of(err)), "very-secret") {
		t.Errorf("got %v of a server that is down", err)
	}
	c.URLFile = write(t, "very-secret-path")
	if err := senderOf(c).send(t.Context(), evil()); err == nil || strings.Contains(fmt.Sprint(err, hint.Of(err)), "very-secret") {
		t.Errorf("got %v of an address that is none", err)
	}
}

// TestReceiverHangs: whatever hangs, all goroutines end soon after the stop, and what waits
// is kept.
func TestReceiverHangs(t *testing.T) {
	ended := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-ended }))
	defer s.Close()
	defer close(ended)
	hook, mail, own := all("hook"), mailTo(serveSMTP(t, &smtpServer{hangAt: "MAIL"}), "none"), all("own")
	hook.URL = s.URL
	own.Type, own.Command = "program", []string{"/bin/sleep", "600"}
	p := New(Options{})
	p.Set(configs.Notify{ManyBans: 50, Channels: []configs.Channel{hook, mail, own}})
	stop := start(p)
	p.Hear(guessed(1))
	for flying := 0; flying < 3; { // until all three attempts are under way
		flying = 0
		for _, c := range p.channels {
			c.mu.Lock()
			if c.flying != nil {
				flying++
			}
			c.mu.Unlock()
		}
	}
	stop() // it would never return otherwise
	for _, s := range p.Status() {
		if s.Waiting != 1 {
			t.Errorf("%s: got %d events, want the alarm kept", s.Name, s.Waiting)
		}
	}
}

// TestProgram: the JSON is on the standard input, the arguments are as they are, and a
// failure shows what the program said.
func TestProgram(t *testing.T) {
	c := all("own")
	out := filepath.Join(t.TempDir(), "out")
	c.Type, c.Command = "program", []string{"/usr/bin/tee", "--", out}
	m := evil()
	if err := senderOf(c).send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(out)
	var got Message
	if err != nil || json.Unmarshal(text, &got) != nil || got.ID != m.ID {
		t.Errorf("got %v, %s", err, text)
	}
	c.Command = []string{"/bin/ls", "/no such\x1b file"}
	if err := senderOf(c).send(t.Context(), m); err == nil || strings.Contains(err.Error(), "\x1b") || hint.Of(err) == "" {
		t.Errorf("got %v", err)
	}
	c.Command = []string{"/no/such/program"}
	if err := senderOf(c).send(t.Context(), m); err == nil || hint.Of(err) == "" {
		t.Errorf("got %v", err)
	}
}

// TestSendmail: the arguments are fixed, and the mail is on the standard input.
func TestSendmail(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "sendmail")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho \"$@\" > "+dir+"/args\nexec cat > "+dir+"/mail\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := mailTo("", "none")
	c.Type, c.Server, c.Command, c.To = "sendmail", "", []string{script}, []string{"a@example.net", "b@example.net"}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := senderOf(c).send(ctx, evil()); err != nil {
		t.Fatal(err)
	}
	args, _ := os.ReadFile(dir + "/args")
	mail, _ := os.ReadFile(dir + "/mail")
	if got := strings.TrimSpace(string(args)); !strings.HasSuffix(got, "-f pbxjail@pbx.example.net -- a@example.net b@example.net") {
		t.Errorf("got arguments %q", got)
	}
	if text := string(mail); !strings.Contains(text, "Subject:") || strings.Contains(text, "\nBcc:") {
		t.Errorf("got\n%s", text)
	}
}
