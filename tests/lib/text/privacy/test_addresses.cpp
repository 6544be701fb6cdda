// SPDX-License-Identifier: Apache-2.0
#include "tests/lib/text/privacy/cases.h"

namespace hearth::text::privacy {

TEST_CASE("e-mail addresses end where they end, and those of nobody are left") {
  check_cases({
      {"write to jane.doe@uni-bonn.de.", "email:jane.doe@uni-bonn.de"},
      {"<Jane+lists@mail.gnu.org>, x", "email:Jane+lists@mail.gnu.org"},
      {"andr\xc3\xa9@mairie.fr", "email:andr\xc3\xa9@mairie.fr"},
      {"\xe8\x81\x94\xe7\xb3\xbb"
       "abc@mail.cn",
       "email:abc@mail.cn"},
      {"a@b.co,c@d.co", "email:a@b.co | email:c@d.co"},
      {"mailto:o'hara@irish.ie?subject=x", "email:o'hara@irish.ie"},
      {"root@localhost user@example.com me@host.example x@y.test", ""},
      {"git@github.com:org/repo.git", ""},
      {"logo@2x.png icon@3x.jpeg pkg@1.2.3 @decorator a @ b.com", ""},
      {"memcpy@GLIBC_2.14 foo@plt name@@V1.2", ""},
      {"getty@tty1.service", ""},
      {"...@b.com @b.com", ""},
  });
}

TEST_CASE("IP addresses count when they are public and not a version") {
  check_cases({
      {"from 93.184.216.34 port 22", "ip:93.184.216.34"},
      {"http://93.184.216.34/x 81.2.69.142:8080", "ip:93.184.216.34 | ip:81.2.69.142"},
      {"server 5.9.61.101", "ip:5.9.61.101"},
      {"libx (= 5.9.61.1) version 81.2.69.142 Chrome/96.0.4664.110", ""},
      {"10.0.0.1 192.168.1.7 172.20.1.1 127.0.0.1 169.254.3.4 100.64.1.1 224.0.0.251", ""},
      {"192.0.2.1 198.51.100.7 203.0.113.9 255.255.255.0 0.0.0.0 8.8.8.8", ""},
      {"93.184.216.34.5 1.93.184.216.34 93.184.216.256 93.184.016.34 lib-93.184.216.34", ""},
      {"3.2.1.4 Section", ""},
      {"addr 2a00:1450:4001:81b::200e up", "ip:2a00:1450:4001:81b::200e"},
      {"[2a01:4f8:c0c:1234::1]:443", "ip:2a01:4f8:c0c:1234::1"},
      {"fe80::1 ::1 2001:db8::1 fd00::1 2001:4860:4860::8888 ff02::1", ""},
      {"at 2023:10:12 2023::size_t 20:30:40", ""},
  });
}

}  // namespace hearth::text::privacy
