#include "api/api.h"
#include "api/schemas.h"


static const af_field_t  send_fields[] = {
    { "recipient_id", &af_type_uuid, AF_REQUIRED, NULL },
    { "content", &af_type_content, AF_REQUIRED, NULL },
    { "parent_id", &af_type_uuid, 0, NULL },
    { "conversation_id", &af_type_uuid, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  send_schema = { "NewMessage", send_fields, NULL };


static const af_field_t  message_fields[] = {
    { "id", &af_type_uuid, AF_REQUIRED, NULL },
    { "sender_id", &af_type_uuid, AF_REQUIRED, NULL },
    { "recipient_id", &af_type_uuid, AF_REQUIRED, NULL },
    { "content", &af_type_content, AF_REQUIRED, NULL },
    { "is_read", &af_type_boolean, AF_REQUIRED, NULL },
    { "parent_id", &af_type_uuid, AF_REQUIRED|AF_NULLABLE, NULL },
    { "conversation_id", &af_type_uuid, AF_REQUIRED, NULL },
    { "created_at", &af_type_time, AF_REQUIRED, NULL },
    { "read_at", &af_type_time, AF_REQUIRED|AF_NULLABLE, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  message_schema = { "Message", message_fields, NULL };


static const char *const  boxes[] = { "inbox", "sent", "all", NULL };

static const af_type_t  type_box = {
    .name = "box", .json = JSON_STRING, .values = boxes
};

static const af_field_t  list_fields[] = {
    AF_PAGE_FIELDS,
    { "box", &type_box, 0, NULL },
    { "conversation_id", &af_type_uuid, 0, NULL },
    { "unread", &af_type_boolean, 0, NULL },
    { "after", &af_type_uuid, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  list_schema = { "MessageQuery", list_fields, NULL };


static const af_field_t  messages_fields[] = {
    AF_LIST_FIELDS(&message_schema),
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  messages_schema = {
    "MessageList", messages_fields, NULL
};


static const af_field_t  participant_fields[] = {
    { "id", &af_type_uuid, AF_REQUIRED, NULL },
    { "first_name", &af_type_name, AF_REQUIRED|AF_NULLABLE, NULL },
    { "last_name", &af_type_name, AF_REQUIRED|AF_NULLABLE, NULL },
    { "is_deleted", &af_type_boolean, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  participant_schema = {
    "Participant", participant_fields, NULL
};


static const af_field_t  conversation_fields[] = {
    { "conversation_id", &af_type_uuid, AF_REQUIRED, NULL },
    { "participants", &af_type_array, AF_REQUIRED, &participant_schema },
    { "last_message", &af_type_object, AF_REQUIRED, &message_schema },
    { "unread", &af_type_integer, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  conversation_schema = {
    "Conversation", conversation_fields, NULL
};


static const af_field_t  conversations_fields[] = {
    AF_LIST_FIELDS(&conversation_schema),
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  conversations_schema = {
    "ConversationList", conversations_fields, NULL
};


const af_route_t  af_messages_routes[] = {

    { NGX_HTTP_POST, "/messages", AF_USER,
      .summary = "Send a message",
      .body = &send_schema,
      .answer = &message_schema,
      .status = NGX_HTTP_CREATED,
      .lock = &af_sql_messages_take_numbers,
      .statement = &af_sql_messages_send,
      .missing = AF_INVALID_TOKEN },

    { NGX_HTTP_GET, "/messages", AF_USER,
      .summary = "List messages",
      .query = &list_schema,
      .answer = &messages_schema,
      .statement = &af_sql_messages_messages,
      .steps = af_list_steps },

    { NGX_HTTP_GET, "/messages/{id}", AF_USER,
      .summary = "Read a message",
      .answer = &message_schema,
      .statement = &af_sql_messages_message },

    { NGX_HTTP_PUT, "/messages/{id}/read", AF_USER,
      .summary = "Mark a message as read",
      .answer = &message_schema,
      .lock = &af_sql_messages_lock_mailbox,
      .statement = &af_sql_messages_read },

    { NGX_HTTP_DELETE, "/messages/{id}", AF_USER,
      .summary = "Delete one's own copy of a message",
      .lock = &af_sql_messages_lock_mailbox,
      .statement = &af_sql_messages_delete },

    { NGX_HTTP_GET, "/conversations", AF_USER,
      .summary = "List conversations",
      .query = &af_schema_page,
      .answer = &conversations_schema,
      .statement = &af_sql_messages_conversations,
      .steps = af_list_steps },

    { .path = NULL }
};
