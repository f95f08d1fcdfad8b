package signer

// cloudinaryHook appends the secret to body and time before a plain hash.
// https://cloudinary.com/documentation/notifications#verifying_notification_signatures
func cloudinaryHook() hook {
	return hook{covers: []string{"body", "timestamp"}, contents: func(_ *Verifier, c *content) ([][]byte, error) {
		return [][]byte{append(append(append([]byte{}, c.req.Body...), c.timestamp...), c.secret...)}, nil
	}}
}
