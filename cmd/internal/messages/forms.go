package messages

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"pbxjail/configs"
	"pbxjail/configs/hint"
)

// forms make the requests of the types that send over HTTP.
var forms = map[string]form{
	"webhook": webhook, "slack": slack, "teams": teams, "discord": discord, "ntfy": ntfy, "telegram": telegram, "matrix": matrix,
}

// object is a JSON object.
type object = map[string]any

// put makes the body. Strings are escaped by package json.
func (r *request) put(body any) (err error) {
	r.body, err = json.Marshal(body)
	return err
}

// webhook sends the message as JSON, or a template with it, and signs it.
func webhook(r *request, m *Message) error {
	whole, err := json.Marshal(m)
	if err != nil {
		return err
	}
	r.body = whole
	if r.cfg.Template != "" {
		values := map[string]string{
			"title": m.Title, "text": m.Text, "severity": m.Severity.String(), "kind": string(m.Kind), "host": m.Host, "id": m.ID, "time": m.At.UTC().Format(time.RFC3339),
		}
		r.body = []byte(configs.FillTemplate(r.cfg.Template, func(name string) string {
			if name == "json" {
				return string(whole)
			}
			return inJSON(values[name])
		}))
		if !json.Valid(r.body) {
			return hint.New("correct the key template of this channel in the main file; then: jailctl reload", "the text that template makes is not valid JSON")
		}
	}
	r.header.Set("X-Pbxjail-Id", m.ID)
	if r.token != "" {
		r.header.Set("Authorization", "Bearer "+r.token)
	}
	if r.secret != "" {
		stamp := strconv.FormatInt(m.At.Unix(), 10)
		r.header.Set("X-Pbxjail-Timestamp", stamp)
		r.header.Set("X-Pbxjail-Signature", "sha256="+sign(r.secret, stamp, r.body))
	}
	return nil
}

// sign is the HMAC-SHA256 (RFC 2104) of the time, a dot and the body, in hex: one who reads
// the message on the way cannot change it, nor send it again much later.
func sign(secret, stamp string, body []byte) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(stamp + "."))
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// inJSON is text for a place inside the quotes of JSON.
func inJSON(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		return ""
	}
	return string(quoted[1 : len(quoted)-1])
}

// forChat is text that no chat takes for a link, a mention or markup. The text of the
// message itself has no such signs.
func forChat(text string, most int) string {
	text = strings.NewReplacer("://", ":/ /", "@", "@ ", "`", "'").Replace(text)
	if len(text) > most {
		text = text[:most-4] + "\n..."
	}
	return text
}

// slack: an incoming webhook. mrkdwn false and the three escapes leave nothing that Slack
// interprets (docs.slack.dev, formatting message text).
func slack(r *request, m *Message) error {
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	return r.put(object{"text": escape.Replace(forChat(m.Title+"\n\n"+m.Text, 30_000)), "mrkdwn": false})
}

// teams: an Adaptive Card for a workflow. A TextRun has no markdown, a TextBlock has.
func teams(r *request, m *Message) error {
	run := func(text string, bold bool) object {
		weight := "default"
		if bold {
			weight = "bolder"
		}
		return object{"type": "RichTextBlock", "inlines": []object{{"type": "TextRun", "text": text, "weight": weight}}}
	}
	body := []object{run(forChat(m.Title, 300), true)}
	for _, line := range strings.Split(strings.TrimSpace(forChat(m.Text, 15_000)), "\n") {
		if line != "" {
			body = append(body, run(line, false))
		}
	}
	card := object{"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": body}
	return r.put(object{"type": "message", "attachments": []object{{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}}})
}

// discord: a webhook. Text in a block of code is not interpreted, and no mention is allowed.
func discord(r *request, m *Message) error {
	return r.put(object{"content": "```\n" + forChat(m.Title+"\n\n"+m.Text, 1900) + "\n```", "allowed_mentions": object{"parse": []string{}}})
}

// ntfy publishes as JSON: the topic is the last part of the address, and the text is plain.
func ntfy(r *request, m *Message) error {
	u, err := url.Parse(r.url)
	if err != nil {
		return hint.New("below this channel in the main file, write url: https://ntfy.example.net/TOPIC; then: jailctl reload", "url of this channel is not a valid address")
	}
	path := strings.Trim(u.Path, "/")
	slash := strings.LastIndex(path, "/")
	topic := path[slash+1:]
	if topic == "" {
		return hint.New("below this channel in the main file, write url with the topic at its end: https://ntfy.example.net/TOPIC; then: jailctl reload", "url of this channel has no topic")
	}
	u.Path = "/" + path[:slash+1]
	r.url = u.String()
	if r.token != "" {
		r.header.Set("Authorization", "Bearer "+r.token)
	}
	priority := map[Severity]int{Info: 3, Warning: 4, Critical: 5}[m.Severity]
	return r.put(object{"topic": topic, "title": forChat(m.Title, 250), "message": forChat(m.Text, 3900), "priority": priority})
}

// telegram: sendMessage of the Bot API. Without parse_mode the text is plain.
func telegram(r *request, m *Message) error {
	r.url = strings.TrimSuffix(cmp.Or(r.url, "https://api.telegram.org"), "/") + "/bot" + url.PathEscape(r.token) + "/sendMessage"
	return r.put(object{
		"chat_id": r.cfg.Chat, "text": forChat(m.Title+"\n\n"+m.Text, 4000),
		"link_preview_options": object{"is_disabled": true}, "disable_notification": m.Severity < Warning,
	})
}

// matrix sends an event of type m.room.message. The id of the message makes a second try of
// it no second message.
func matrix(r *request, m *Message) error {
	r.method = http.MethodPut
	r.url = strings.TrimSuffix(r.url, "/") + "/_matrix/client/v3/rooms/" + url.PathEscape(r.cfg.Chat) + "/send/m.room.message/" + url.PathEscape(m.ID+strconv.Itoa(len(m.Text)))
	r.header.Set("Authorization", "Bearer "+r.token)
	return r.put(object{"msgtype": "m.text", "body": forChat(m.Title+"\n\n"+m.Text, 30_000)})
}
