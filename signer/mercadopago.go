package signer

import "strings"

// mercadoPagoHook signs those of id, request id and time that the message has. What is there must be signed: a signature over less would
// let anyone add an id to a message that was sent without one. The id is signed in lower case; the sender's own library does not change it.
// https://www.mercadopago.com/developers/en/docs/your-integrations/notifications/webhooks
func mercadoPagoHook() hook {
	return hook{covers: []string{"query data.id", "header x-request-id", "timestamp"}, contents: func(_ *Verifier, c *content) ([][]byte, error) {
		rest := ""
		if vs := c.values(parsePlace("header:x-request-id")); len(vs) > 0 && vs[0] != "" {
			rest = "request-id:" + vs[0] + ";"
		}
		rest += "ts:" + c.timestamp + ";"
		ids := c.queryValues()["data.id"]
		if len(ids) == 0 || ids[0] == "" {
			return [][]byte{[]byte(rest)}, nil
		}
		if len(ids) > 1 {
			return nil, errNoValue
		}
		out := [][]byte{[]byte("id:" + strings.ToLower(ids[0]) + ";" + rest)}
		if ids[0] != strings.ToLower(ids[0]) {
			out = append(out, []byte("id:"+ids[0]+";"+rest))
		}
		return out, nil
	}}
}
