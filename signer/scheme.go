package signer

// Algorithms a scheme may name. The scheme names it, never the message.
const (
	HMACSHA1   = "hmac-sha1"
	HMACSHA256 = "hmac-sha256"
	HMACSHA384 = "hmac-sha384"
	HMACSHA512 = "hmac-sha512"

	SHA256    = "sha256"     // plain hash over a content that holds {secret}
	SHA1      = "sha1"       // the same with SHA-1
	Keccak256 = "keccak-256" // legacy Keccak, not NIST SHA-3; plain hash as above

	Token = "token" // the value is the secret itself
	Basic = "basic" // HTTP Basic; the secret is user:password

	Ed25519      = "ed25519"
	ECDSASHA256  = "ecdsa-sha256" // ASN.1 DER signature
	ECDSASHA384  = "ecdsa-sha384"
	ECDSAP1363   = "ecdsa-sha256-p1363" // r||s, 64 bytes
	RSASHA1      = "rsa-sha1"           // PKCS #1 v1.5
	RSASHA256    = "rsa-sha256"
	RSASHA512    = "rsa-sha512"
	RSAPSSSHA256 = "rsa-pss-sha256"
	RSAPSSSHA512 = "rsa-pss-sha512"

	JWS         = "jws"                     // the token's own family; Scheme.JWT says which algorithms and claims
	HTTPMessage = "http-message-signatures" // RFC 9421
)

// A Scheme says how one kind of webhook is signed. Its JSON form is what a user writes in hook.yaml for a scheme of his own.
//
// Places are written as "header:NAME", "query:NAME", "form:NAME", "form:NAME#PATH" (JSON inside a form field), "json:PATH", "field:NAME"
// (of the signature header), "claim:NAME" (of a JWT) or "param:NAME" (a value the user gives). A JSON path is dotted: a.b, a[0].b, a[*].b.
type Scheme struct {
	ID        string            `json:"id"`
	Name      string            `json:"name,omitempty"`
	Algorithm string            `json:"algorithm"`
	Key       KeyRule           `json:"key,omitzero"`
	Content   string            `json:"content,omitempty"` // template of the signed bytes: "{timestamp}.{body}"; default "{body}"
	Also      []string          `json:"also,omitempty"`    // further templates a sender is known to use; any may match
	Signature Signature         `json:"signature"`
	Timestamp *Timestamp        `json:"timestamp,omitempty"` // only when the signature covers it
	MessageID string            `json:"message_id,omitempty"`
	BodyHash  *BodyHash         `json:"body_hash,omitempty"` // a digest of the body at a place that the signature covers
	JWT       *JWT              `json:"jwt,omitempty"`
	Require   map[string]string `json:"require,omitempty"`  // place → value it must have, else the message is refused
	Body      string            `json:"body,omitempty"`     // "json": only a JSON object or array can be valid; "some": anything but nothing; "": anything
	Hook      string            `json:"hook,omitempty"`     // name of a built-in function for what data cannot say
	Params    []string          `json:"params,omitempty"`   // values beside the key that the user must give
	Event     []string          `json:"event,omitempty"`    // places of the event name, first that is there
	Delivery  []string          `json:"delivery,omitempty"` // places of the delivery id, first that is there
	Detect    *Match            `json:"detect,omitempty"`   // default: the signature header is there
	Docs      string            `json:"docs,omitempty"`
	Evidence  string            `json:"evidence,omitempty"` // "published": a vector of the provider's passes; "sdk PACKAGE@VERSION": its own SDK accepts what this row signs; "": read, not tried
	Notes     []string          `json:"notes,omitempty"`    // traps worth a line of help
}

// KeyRule says how the text of a secret becomes key bytes.
type KeyRule struct {
	Encoding  string   `json:"encoding,omitempty"`  // "text" (default), "base64", "hex", "base64-if-prefixed"
	Prefix    []string `json:"prefix,omitempty"`    // stripped before decoding: "whsec_"
	Transform string   `json:"transform,omitempty"` // "sha1", "sha256", "sha256-hex", "after-colon", "nfkd"
	Public    bool     `json:"public,omitempty"`    // verified with a public key; only the holder of the private key signs
	URL       string   `json:"url,omitempty"`       // where the provider publishes its keys
	Host      string   `json:"host,omitempty"`      // pattern that a key address named by a message must match
}

// Signature says where the signature is and how it is written.
type Signature struct {
	From      string   `json:"from"`
	More      []string `json:"more,omitempty"`      // further places; any may match
	Format    string   `json:"format,omitempty"`    // "single" (default), "pairs" k=v, "list" v1,SIG, "plain-list" SIG,SIG, "positional" TS,SIG
	Separator string   `json:"separator,omitempty"` // between items; default "," for pairs, " " for list, "," for positional
	Field     string   `json:"field,omitempty"`     // name of the item that holds the signature: "v1"
	Prefix    string   `json:"prefix,omitempty"`    // "sha256="; must be there unless Optional
	Optional  bool     `json:"prefix_optional,omitempty"`
	Encoding  string   `json:"encoding,omitempty"` // "hex" (default), "base64", "base64url", "plain"
	Unpadded  bool     `json:"unpadded,omitempty"` // base64 may come without its padding
	Lower     bool     `json:"lower,omitempty"`    // hex in lower case only, as its SDK compares texts
	Repeats   bool     `json:"repeats,omitempty"`  // the header may be sent several times
	NoValue   string   `json:"no_value,omitempty"` // text the sender writes when it has no secret
}

// Timestamp says where the signed time is.
type Timestamp struct {
	From     string `json:"from"`
	Unit     string `json:"unit,omitempty"`     // "s" (default), "ms", "us", "ns", "s-or-ms" (13 digits and more: ms), "rfc3339", "http"
	Window   int    `json:"window,omitempty"`   // seconds to both sides; 0: 300
	Optional bool   `json:"optional,omitempty"` // a message without it is judged without freshness
}

// BodyHash is a second check: the digest of the body stands at a place that the signature covers.
type BodyHash struct {
	From      string `json:"from"`
	Algorithm string `json:"algorithm"`          // "sha256", "sha512", "md5"
	Encoding  string `json:"encoding,omitempty"` // "hex" (default), "base64", "base64url"
}

// JWT says what a token must look like. The key decides the algorithm within Algorithms.
type JWT struct {
	Algorithms   []string          `json:"algorithms"`
	Auth         []string          `json:"auth,omitempty"`          // words before the token: "Bearer "; "" for none; the first is sent
	BodyHash     string            `json:"body_hash,omitempty"`     // claim with the SHA-256 of the body
	HashForm     string            `json:"hash_form,omitempty"`     // "hex" (default), "base64", "base64url"
	HashOptional bool              `json:"hash_optional,omitempty"` // the claim is absent when the body is empty
	URLHash      string            `json:"url_hash,omitempty"`      // claim with the hex SHA-256 of the public URL
	QueryHash    bool              `json:"query_hash,omitempty"`    // claim qsh (Atlassian)
	Issuer       []string          `json:"issuer,omitempty"`
	Audience     string            `json:"audience,omitempty"`  // "url": the public URL; "param:NAME": what the user says
	Expires      bool              `json:"expires,omitempty"`   // exp must be there
	Leeway       int               `json:"leeway,omitempty"`    // seconds granted to exp and nbf; 0: 60; -1: none
	Subject      string            `json:"subject,omitempty"`   // "url": sub is the public URL
	Unencoded    bool              `json:"unencoded,omitempty"` // the detached payload is signed as it is (RFC 7797)
	Detached     string            `json:"detached,omitempty"`  // template of the detached payload (RFC 7515 appendix F)
	Claims       map[string]string `json:"claims,omitempty"`    // claims that must have this text
	InBody       bool              `json:"in_body,omitempty"`   // the whole body is the token
}

// Match is a set of conditions, all of which must hold. A value of "" asks only that the thing is there and not empty; a value that ends
// in * asks for a beginning.
type Match struct {
	Method string            `json:"method,omitempty"`
	Header map[string]string `json:"header,omitempty"`
	Absent []string          `json:"absent,omitempty"` // headers that must not be there
	Query  map[string]string `json:"query,omitempty"`
	JSON   map[string]string `json:"json,omitempty"` // RFC 6901 pointers
	Form   map[string]string `json:"form,omitempty"`
}
