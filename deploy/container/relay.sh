#!/bin/sh
# The mail relay of compose.yaml: takes e-mails of its own networks alone, keeps them in /var/spool/postfix, and hands them to
# RELAY_HOST ([smtp.peps.example]:587, with RELAY_USER and the file /run/secrets/relay_password) or, without it, to the
# recipients' servers. RELAY_NAME: the name that it gives itself, which its address should have in the DNS.
set -eu
# Debian's own, which the image keeps aside: the folder is a tmpfs.
cp -a /usr/share/postfix/etc/. /etc/postfix/
touch /etc/postfix/main.cf
chown postfix: /var/lib/postfix
chmod 755 /var/lib/postfix
postconf -F "*/*/chroot = n"
postconf -e \
    "compatibility_level = 3.6" \
    "maillog_file = /dev/stdout" \
    "myhostname = $RELAY_NAME" \
    "mydestination =" \
    "alias_maps =" \
    "disable_vrfy_command = yes" \
    "local_transport = error:5.1.1 There are no mailboxes here" \
    "inet_interfaces = all" \
    "mynetworks_style = subnet" \
    "smtpd_recipient_restrictions = permit_mynetworks, reject" \
    "message_size_limit = 26214400" \
    "relayhost = ${RELAY_HOST:-}" \
    "smtp_tls_security_level = ${RELAY_HOST:+encrypt}" \
    "smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt"
if [ -z "${RELAY_HOST:-}" ]; then
    postconf -e "smtp_tls_security_level = may"
fi
if [ -n "${RELAY_USER:-}" ]; then
    umask 077
    printf '%s %s:%s\n' "$RELAY_HOST" "$RELAY_USER" "$(cat /run/secrets/relay_password)" > /etc/postfix/relay_password
    postconf -e "smtp_sasl_auth_enable = yes" "smtp_sasl_security_options = noanonymous" \
        "smtp_sasl_password_maps = texthash:/etc/postfix/relay_password"
fi
exec postfix start-fg
