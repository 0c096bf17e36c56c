package control

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestTopRows(t *testing.T) {
	s := New(Options{Handlers: newJailer().calls()})
	for query, want := range map[string]int{
		"": 20, "?n=": 20, "?n=1": 1, "?n=500": 500, // rows
		"?n=0": -400, "?n=-1": -400, "?n=501": -400, "?n=x": -400, "?n=1e2": -400, "?n=99999999999999999999": -400,
	} {
		w := httptest.NewRecorder()
		s.handler().ServeHTTP(w, httptest.NewRequest("GET", "/v1/top"+query, nil))
		if want < 0 {
			var a errorAnswer
			if json.Unmarshal(w.Body.Bytes(), &a); w.Code != -want || a.Error == "" || a.Hint == "" {
				t.Errorf("%q: got status %d, %+v, want %d, an error and a hint", query, w.Code, a, -want)
			}
			continue
		}
		var top Top
		if err := json.Unmarshal(w.Body.Bytes(), &top); err != nil || w.Code != http.StatusOK || len(top.Addresses) != want {
			t.Errorf("%q: got status %d, %d rows, %v, want %d", query, w.Code, len(top.Addresses), err, want)
		}
	}
}
