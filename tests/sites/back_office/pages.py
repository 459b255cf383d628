"""What the tests of the back office read of its pages."""


def order_url(order):
    return f"/admin/orders/order/{order.pk}/change/"


def page_text(answer):
    return answer.content.decode().replace("&#x27;", "'").replace("\u00a0", " ")
