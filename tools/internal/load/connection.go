package load

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/confirm/voprf"
)

// message returns a question as it goes over a connection.
func message(host string, q *voprf.Question) []byte {
	b := fmt.Appendf(nil, "POST /v1/evaluate HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", host, confirm.ContentType, len(q.Request()))
	return append(b, q.Request()...)
}

// A connection asks with hardly any work of its own, which would be taken for the server's where they share processors:
// once it knows how long the answers are, it reads that many bytes.
type connection struct {
	net.Conn
	buf  []byte // of one answer, its header included
	body int    // where the message begins
}

// dial asks q once, and checks the answer.
func dial(host string, q *voprf.Question) (*connection, error) {
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: conn}
	if err := c.first(message(host, q), q); err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

func (c *connection) first(request []byte, q *voprf.Question) error {
	if _, err := c.Write(request); err != nil {
		return err
	}
	var read bytes.Buffer
	response, err := http.ReadResponse(bufio.NewReader(io.TeeReader(c.Conn, &read)), nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if _, err := q.Outputs(answer); err != nil {
		return err
	}
	c.buf, c.body = make([]byte, read.Len()), read.Len()-len(answer)
	return nil
}

// ask sends a question and reads the answer, which must be one.
func (c *connection) ask(request []byte) error {
	if _, err := c.Write(request); err != nil {
		return err
	}
	if _, err := io.ReadFull(c, c.buf); err != nil {
		return err
	}
	if status := voprf.Status(c.buf[c.body+2]); !bytes.HasPrefix(c.buf, []byte("HTTP/1.1 200 ")) || status != voprf.OK {
		return fmt.Errorf("the server answered with %q, %s", c.buf[:15], status)
	}
	return nil
}
