package lab

import (
	"fmt"
	"strings"
)

// Register registers a user, who answers the PBX's challenge, and returns the
// final status. 0: no answer.
func (s *Sender) Register(user, password string) (status int, err error) {
	return s.Authenticate(s.Request("REGISTER", user, user), user, password)
}

// Authenticate sends a request, and again with the answer to a challenge when
// there is one. It returns the final status.
func (s *Sender) Authenticate(r *Request, user, password string) (status int, err error) {
	response, err := s.converse(r, user, password)
	return response.Status, err
}

// Call calls a number and hangs up when it is answered. It returns the final
// status. A user without a password does not answer a challenge.
func (s *Sender) Call(user, password, number string) (status int, err error) {
	r := s.Request("INVITE", user, number)
	response, err := s.converse(r, user, password)
	if err != nil || response.Status != 200 {
		return response.Status, err
	}
	s.ack(r, response)
	bye := *r
	bye.Method, bye.CSeq, bye.To = "BYE", "9 BYE", response.header("To")
	bye.Via = s.Request("BYE", user, number).Via
	bye.Body, bye.Type, bye.Authorization = "", "", ""
	_, err = s.Do(&bye)
	return response.Status, err
}

func (s *Sender) converse(r *Request, user, password string) (Response, error) {
	response, err := s.Do(r)
	if err != nil || response.Status < 300 {
		return response, err
	}
	if r.Method == "INVITE" {
		s.ack(r, response)
	}
	challenge := response.header("WWW-Authenticate") + response.header("Proxy-Authenticate")
	if challenge == "" || password == "" {
		return response, nil
	}
	r.Authorization = authorize(challenge, r.Method, r.URI, user, password)
	r.CSeq = "2 " + strings.TrimPrefix(r.CSeq, "1 ")
	r.Via = s.Request(r.Method, user, user).Via
	if response, err = s.Do(r); err == nil && r.Method == "INVITE" && response.Status >= 300 {
		s.ack(r, response)
	}
	return response, err
}

// ack confirms the final answer to an INVITE; else the PBX sends it for half a
// minute. For a 200 it is a transaction of its own (RFC 3261, 13.2.2.4).
func (s *Sender) ack(r *Request, response Response) {
	a := *r
	number, _, _ := strings.Cut(r.CSeq, " ")
	a.Method, a.CSeq, a.To = "ACK", fmt.Sprintf("%s ACK", number), response.header("To")
	a.Body, a.Type, a.Authorization = "", "", ""
	s.conn.Write(a.text()) // nothing answers it; a lost one is sent for again
}
